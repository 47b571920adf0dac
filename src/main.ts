/** The entry: reads the settings, starts the server, and shuts it down in order. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidSettings, loadDotEnv, readSettings, type Settings } from './app/config.ts';
import { createLogger } from './app/logger.ts';
import { type Likeness, start } from './app/start.ts';
import { DataFolderInUse } from './database/folder-lock.ts';
import { DataFolderError } from './database/pglite.ts';
import { DatabaseMisconfigured } from './database/postgres.ts';
import { armFailpoints, parseFailpoints } from './runtime/failpoint.ts';
import { StorageMisconfigured } from './storage/blob-store.ts';

/** The last resort. Each part has a shorter limit of its own, so only a process that hangs reaches this one. */
const shutdownMs = 20_000;

async function main(): Promise<void> {
  loadDotEnv();
  const settings = readSettings();
  const log = createLogger(settings);
  const dataDir = resolve(settings.DATA_DIR);
  if (settings.FAILPOINT !== undefined) {
    armFailpoints(parseFailpoints(settings.FAILPOINT) ?? [], dataDir);
  }
  const isForPeople = settings.NODE_ENV !== 'production';
  if (isForPeople && !existsSync(dataDir)) say('Creating the database. This takes a few seconds, once.');
  const likeness = await start({ settings, log });
  endOnSignal(likeness, 1000 * settings.DRAIN_SECONDS);
  const lacksKey = settings.needsAccess && !(await hasAdmin(likeness));
  if (isForPeople) return greet(likeness.url, settings, dataDir, lacksKey ? [howToMakeAKey] : []);
  log.info({ url: likeness.url, fal: settings.FAL_MODE, dataDir }, 'Likeness serves');
  if (lacksKey) log.warn(howToMakeAKey);
}

/** Shown when callers need a key and there is no admin key yet. */
const howToMakeAKey =
  'There is no admin key yet. Stop the server, make one with `npm run keys -- create --name me --scopes admin`, and start again.';

async function hasAdmin({ app }: Likeness): Promise<boolean> {
  return (await app.prisma.apiKey.count({ where: { revokedAt: null, scopes: { has: 'ADMIN' } } })) > 0;
}

function greet(
  url: string,
  { FAL_MODE: mode, GRAPHIQL, ROLE, needsAccess }: Settings,
  dataDir: string,
  more: string[],
): void {
  if (ROLE === 'worker')
    return say(`This worker runs the jobs of every process on its database. Health is at ${url}/health`);
  say(
    `${GRAPHIQL === 'on' ? 'GraphiQL' : 'GraphQL'} is at ${url}/graphql`,
    ...(needsAccess ? ['Callers need a key: `Authorization: Bearer lk_…`, in GraphiQL under Headers.'] : []),
    mode === 'live'
      ? 'fal is live: trainings and pictures are billed to your key.'
      : 'fal is simulated: made-up pictures, no cost. To go live, set FAL_KEY (https://fal.ai/dashboard/keys).',
    `Data is in ${dataDir}. Ctrl-C stops the server; every job continues at the next start.`,
    ...more,
  );
}

/** The first signal closes the server in order and ends with 0. The second one ends the process at once. */
function endOnSignal(likeness: Likeness, drainMs: number): void {
  let isEnding = false;
  const end = () => {
    if (isEnding) return exitNow('Stopped at once by a second signal.');
    isEnding = true;
    const limitMs = shutdownMs + drainMs;
    const message = `Stopping took longer than ${limitMs / 1000} seconds.`;
    setTimeout(() => exitNow(message), limitMs).unref();
    void likeness.close().then(() => process.exit(0));
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

/** Loses nothing: what was under way is found at the next start, as after a crash. */
function exitNow(reason: string): never {
  process.stderr.write(`${reason} Every job goes on at the next start.\n`);
  process.exit(1);
}

function say(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** A sentence for an error that the user can mend; the stack of any other. */
function explain(error: unknown): string {
  const forUser = [InvalidSettings, DataFolderInUse, DataFolderError, DatabaseMisconfigured, StorageMisconfigured];
  if (error instanceof Error && forUser.some((kind) => error instanceof kind)) return error.message;
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return 'PORT: another program listens on this port. Stop it, or choose another PORT.';
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
});
