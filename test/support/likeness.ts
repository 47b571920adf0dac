/** A whole Likeness in this process, on a data folder of its own, against a fal that the test holds. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { inject, onTestFinished } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import { readSettings } from '../../src/app/config.ts';
import { type Likeness, type StartOptions, start } from '../../src/app/start.ts';
import { traceFields } from '../../src/tracing/trace.ts';
import { Client } from './client.ts';
import { type Answer, gql } from './http.ts';
import { write } from './said.ts';

export type TestLikeness = Likeness & {
  dataDir: string;
  /** Everything that was logged, a line each. */
  logged: string[];
  /** The headers of a caller that may do everything. */
  headers: Record<string, string>;
  /** A client with these headers. */
  client: Client;
  /** Executes one operation with these headers. */
  gql<Data = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<Answer<Data>>;
};

/** A data folder with an empty database. `remove` takes it away. */
export function newDataFolder(): { dataDir: string; remove: () => void } {
  const dataDir = mkdtempSync(join(tmpdir(), 'likeness-data-'));
  cpSync(inject('dataFolder'), dataDir, { recursive: true });
  return { dataDir, remove: () => rmSync(dataDir, { recursive: true, force: true }) };
}

/** An empty folder, removed when the test is over. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The same with an empty database: removed when the test is over. */
export function dataFolder(): string {
  const { dataDir, remove } = newDataFolder();
  onTestFinished(remove);
  return dataDir;
}

/**
 * Simulated and instant unless `env` says otherwise. With `manual`, jobs go on only by `worker.tick()`. On a data folder
 * of the caller's it opens that, and leaves it when it closes.
 */
export async function startLikeness({
  env = {},
  dataDir,
  manual = false,
  overrides,
  limits,
}: {
  env?: Record<string, string>;
  dataDir?: string;
  manual?: boolean;
  overrides?: StartOptions['overrides'];
  limits?: StartOptions['limits'];
} = {}): Promise<TestLikeness> {
  const folder = dataDir === undefined ? newDataFolder() : { dataDir, remove: () => undefined };
  const logged: string[] = [];
  const settings = readSettings({
    PORT: '0',
    FAL_SIMULATOR_SPEED: 'instant',
    DATA_DIR: folder.dataDir,
    METERING: 'off',
    ...env,
  });
  const log = pino({ level: 'debug', mixin: traceFields }, { write: (line: string) => void logged.push(line) });
  const likeness = await start({
    settings,
    log,
    worker: { manual, pollMs: 50 },
    ...(overrides && { overrides }),
    ...(limits && { limits }),
  });
  // One that asks who calls is asked by its operator, with an admin key.
  const operator = { name: 'test', scopes: ['ADMIN', 'ACT_AS'] };
  const key = settings.needsAccess && (await createApiKey(likeness.app, localViewer.id, operator)).key;
  const headers: Record<string, string> = key === false ? {} : { authorization: `Bearer ${key}` };
  return {
    ...likeness,
    dataDir: folder.dataDir,
    logged,
    headers,
    client: new Client(() => likeness.url, headers),
    gql: (query, variables) => gql(likeness.url, query, variables, headers),
    async close() {
      await likeness.close();
      for (const line of logged) write(line);
      folder.remove();
    },
  };
}

/** Points a Likeness at a fal of the test's own. */
export const liveAt = (url: string) => ({ FAL_MODE: 'live', FAL_KEY: 'test-key:test-secret', FAL_BASE_URL: url });
