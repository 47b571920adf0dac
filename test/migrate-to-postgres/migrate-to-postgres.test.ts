/** An embedded data folder moves to a PostgreSQL: a server that has lived there goes on as if nothing had been. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { openEmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { tellSkipped } from '../support/databases.ts';
import { globalId } from '../support/global-id.ts';
import { newDataFolder, startLikeness } from '../support/likeness.ts';
import { isPostgresReachable, openEmptyPostgres } from '../support/sql.ts';

tellSkipped();

const all = `{ server { version } viewer { balance reserved ledger(first: 100) { edges { node { id kind account credits reason createdAt } } } }
  avatars { edges { node { __typename ... on AvatarProfile { id name status photos { id fileName width } } } } }
  jobs(first: 100) { edges { node { id status createdAt finishedAt cost { price paid } events(first: 100) { edges { node { __typename sequence at } } }
    ... on Generation { prompt images { id width height byteSize blurhash } } ... on Training { settings { __typename } } } } } }`;

const move = async (env: Record<string, string>, ...args: string[]) => {
  const main = join(import.meta.dirname, '../../src/migrate-to-postgres/main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
    env: { ...process.env, NODE_ENV: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, stdout, stderr };
};

describe.runIf(await isPostgresReachable())('npm run migrate-to-postgres', () => {
  const { dataDir, remove } = newDataFolder();
  let postgres: Awaited<ReturnType<typeof openEmptyPostgres>>;
  beforeAll(async () => {
    postgres = await openEmptyPostgres();
  });
  afterAll(async () => {
    await postgres.close();
    remove();
  });

  test('is refused while a server has the folder, to nowhere, and without a place; nothing is made', async () => {
    const server = await startLikeness({ dataDir });
    expect(await move({ DATA_DIR: dataDir }, '--to', postgres.url)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('in use') as string,
    });
    await server.close();
    const nowhere = await move({ DATA_DIR: dataDir }, '--to', 'postgresql://u:secret@127.0.0.1:1/l');
    expect([nowhere.code, nowhere.stdout]).toEqual([1, '']);
    expect(nowhere.stderr).toMatch(/^--to: the database cannot be used/);
    expect(nowhere.stderr).not.toMatch(/secret|\bat .+:\d+/);
    expect((await move({ DATA_DIR: dataDir })).stderr).toContain('--to');
  });

  test('everything is there, exactly; what was under way goes on; nothing is moved a second time', async () => {
    const old = await startLikeness({ dataDir, env: { METERING: 'on' } });
    const grant = `mutation($id: ID!) { grantCredits(input: { userId: $id, credits: 500.5, reason: "a ‘gift’" }) { __typename } }`;
    await old.gql(grant, { id: globalId('User', localViewer.id) });
    const { client } = old;
    const avatarId = await client.trainPortrait();
    const generate = (prompt: string) => client.startGeneration({ avatarId, prompt, numImages: 2 });
    await client.untilSucceeded(await generate('at sea, “quoted” \u{1F30A} \\ \'"'));
    const stuck = await generate('[[stuck]]');
    await old.close();
    const asked = await startLikeness({ dataDir, env: { METERING: 'on' }, manual: true });
    const before = await asked.gql(all);
    await asked.close();

    const moved = await move({ DATA_DIR: dataDir }, '--to', postgres.url);
    expect(moved).toMatchObject({ code: 0, stderr: '' });
    expect(moved.stdout).toMatch(/^Job: 3$/m);
    expect(moved.stdout).toMatch(/^Photo: 10$/m);

    const env = { DATABASE_URL: postgres.url, METERING: 'on' };
    const now = await startLikeness({ dataDir, env, manual: true });
    expect(await now.gql(all)).toEqual(before);
    await now.close();
    const live = await startLikeness({ dataDir, env });
    await live.client.cancelJob(stuck);
    await live.client.follow(stuck).whole;
    // The ledger goes on where it stood: 150 and 10 were paid, and what was held is free.
    expect((await live.gql('{ viewer { balance reserved } }')).data).toEqual({
      viewer: { balance: 340.5, reserved: 0 },
    });
    await live.close();

    const again = await move({ DATA_DIR: dataDir }, '--to', postgres.url);
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('already has data') as string });
    // What it was moved from is as it was.
    const source = await openEmbeddedDatabase(dataDir);
    expect(await source.prisma.job.count()).toBe(3);
    await source.close();
  });
});
