/** Starting and ending within a process: nothing that a failed start made is left, and an end is an end. */

import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PgBoss } from 'pg-boss';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { newDataFolder, startLikeness } from '../support/likeness.ts';

function folder(): string {
  const { dataDir, remove } = newDataFolder();
  onTestFinished(remove);
  return dataDir;
}
/** What keeps a process alive, but for what the tests themselves hold. */
const held = () =>
  process.getActiveResourcesInfo().filter((kind) => ['Timeout', 'TCPServerWrap'].includes(kind)).length;

describe('a start that fails leaves nothing, and the next one succeeds', () => {
  const stages: [string, (dataDir: string) => Promise<{ env?: Record<string, string>; mend: () => void }>][] = [
    [
      'at the simulated fal',
      async (dataDir) => {
        rmSync(join(dataDir, 'simulated-fal'), { recursive: true, force: true });
        writeFileSync(join(dataDir, 'simulated-fal'), '');
        return { mend: () => rmSync(join(dataDir, 'simulated-fal')) };
      },
    ],
    [
      'at pg-boss',
      async () => {
        const start = vi.spyOn(PgBoss.prototype, 'createQueue').mockRejectedValue(new Error('broken by the test'));
        return { mend: () => start.mockRestore() };
      },
    ],
    [
      'at the uploads',
      async (dataDir) => {
        rmSync(join(dataDir, 'uploads'), { recursive: true, force: true });
        mkdirSync(join(dataDir, 'files'), { recursive: true });
        writeFileSync(join(dataDir, 'uploads'), '');
        return { mend: () => rmSync(join(dataDir, 'uploads'), { force: true }) };
      },
    ],
    [
      'at the port',
      async () => {
        const server = createServer().listen(0, '127.0.0.1');
        await once(server, 'listening');
        return { env: { PORT: String((server.address() as AddressInfo).port) }, mend: () => void server.close() };
      },
    ],
  ];
  test.each(stages)('%s', async (_name, breakIt) => {
    const dataDir = folder();
    const before = held();
    const { env = {}, mend } = await breakIt(dataDir);
    const started = await startLikeness({ dataDir, env }).catch((error: unknown) => error);
    mend();
    expect(started).toBeInstanceOf(Error);
    expect(existsSync(join(dataDir, 'server.lock'))).toBe(false);
    await vi.waitFor(() => expect(held()).toBeLessThanOrEqual(before));
    const likeness = await startLikeness({ dataDir });
    expect((await likeness.gql('{ viewer { id } }')).errors).toBeUndefined();
    await likeness.close();
  });
});

test('closing twice, also while it closes, is closing once; a part that cannot be closed keeps no other from it', async () => {
  const dataDir = folder();
  const likeness = await startLikeness({ dataDir });
  vi.spyOn(likeness.app.events, 'close').mockImplementation(() => {
    throw new Error('broken by the test');
  });
  await Promise.all([likeness.close(), likeness.close()]);
  await likeness.close();
  expect(likeness.logged.join('')).toContain('a part of the server could not be closed');
  expect(existsSync(join(dataDir, 'server.lock'))).toBe(false);
});
