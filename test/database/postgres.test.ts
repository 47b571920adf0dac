/** Servers on PostgreSQL: several on one database, an outage of the database, and a database that cannot be used. */
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { applicationName, DatabaseMisconfigured, openPostgres } from '../../src/database/postgres.ts';
import { type Simulator, startSimulator } from '../../src/fal-simulator/server.ts';
import { databases, onPostgres, type ServerDatabase, tellSkipped } from '../support/databases.ts';
import type { Answer } from '../support/http.ts';
import { newDataFolder, startLikeness, type TestLikeness } from '../support/likeness.ts';
import { runToEnd } from '../support/process.ts';
import { openProxy } from '../support/proxy.ts';

tellSkipped();

describe.runIf(databases.length > 1)('servers on PostgreSQL', () => {
  let database: ServerDatabase;
  let simulator: Simulator;
  const servers: TestLikeness[] = [];
  beforeAll(async () => {
    database = await onPostgres();
    simulator = await startSimulator({ dataDir: undefined, speed: 'instant' });
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  afterAll(async () => {
    await simulator.close();
    await database.remove();
  });

  const open = async (env: Record<string, string> = {}) => {
    const fal = { FAL_MODE: 'live', FAL_KEY: simulator.key, FAL_BASE_URL: simulator.url };
    const { DATA_DIR: dataDir = '', ...rest } = database.env;
    const server = await startLikeness({ dataDir, env: { ...fal, FAL_SUBMITS_PER_MINUTE: '1000', ...rest, ...env } });
    servers.push(server);
    return server;
  };
  // The simulator does not know this finetune: the job runs until fal rejects it, without drawing.
  const newAvatar = ({ client }: TestLikeness) => client.importStyle('unknown');
  const startGeneration = ({ client }: TestLikeness, avatarId: string) =>
    client.startGeneration({ avatarId, preset: 'FAST' });
  const ask = async ({ url }: TestLikeness, query: string) =>
    await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
  const expectAway = async (answer: Response) => {
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    const { errors } = (await answer.json()) as Answer;
    expect(errors?.[0]).toMatchObject({
      message: 'The database of this server cannot be reached just now. Try again in a moment.',
      extensions: { code: 'SERVICE_UNAVAILABLE' },
    });
  };
  const follow = ({ client }: TestLikeness, jobId: string) => client.follow(jobId).whole;

  test('three servers that start at once share the database, run each other’s jobs, and submit each job once', async () => {
    const [one, two, three] = await Promise.all([open(), open(), open()]);
    const avatar = await newAvatar(one);
    const before = simulator.record.calls().filter(({ kind }) => kind === 'submit').length;
    const started = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => startGeneration([one, two, three][n % 3] ?? one, avatar)),
    );
    // Subscribe to each job at a server that did not start it.
    const streams = await Promise.all(started.map(async (id, n) => follow([two, three, one][n % 3] ?? one, id)));
    for (const seen of streams) {
      expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, n) => n + 1));
      expect(seen.at(-1)?.__typename).toBe('JobFailed');
    }
    expect(simulator.record.calls().filter(({ kind }) => kind === 'submit').length - before).toBe(60);
  });

  test('the other servers continue the jobs of one that dies', async () => {
    const [one, two] = [await open(), await open()];
    const avatar = await newAvatar(one);
    const id = await startGeneration(one, avatar);
    // As after kill -9: the lease of the step belongs to a dead process.
    await one.worker.stop();
    const { prisma } = two.app;
    await vi.waitFor(async () => expect(await prisma.job.count({ where: { finishedAt: null } })).toBe(0));
    expect((await follow(two, id)).at(-1)?.__typename).toBe('JobFailed');
  });

  test('during an outage of the database a server responds soon with an error that does not contain the address, and works again afterwards', async () => {
    const proxy = await openProxy(String(database.env['DATABASE_URL']));
    const server = await open({ DATABASE_URL: proxy.url });
    const avatar = await newAvatar(server);
    await proxy.cut();
    const answer = await ask(server, '{ viewer { id } avatars { edges { node { __typename } } } }');
    await expectAway(answer);
    expect((await fetch(`${server.url}/ready`)).status).toBe(503);
    await proxy.mend();
    await vi.waitFor(async () => expect((await fetch(`${server.url}/ready`)).status).toBe(200));
    const id = await startGeneration(server, avatar);
    expect((await follow(server, id)).at(-1)?.__typename).toBe('JobFailed');
    await server.close();
    servers.splice(servers.indexOf(server), 1);
    await proxy.close();
  });

  test('a request gets SERVICE_UNAVAILABLE while all connections are busy', async () => {
    const server = await open({ DATABASE_CONNECTIONS: '4' });
    await newAvatar(server);
    const other = new Client({ connectionString: String(database.env['DATABASE_URL']) });
    await other.connect();
    await other.query('BEGIN; LOCK TABLE "Avatar"');
    const waiting = Array.from({ length: 4 }, async () => ask(server, '{ avatars { edges { node { __typename } } } }'));
    const answers = Promise.all(waiting);
    // The server itself uses connections too, so one, two or three of the requests get one and wait for the table.
    await expectAway(await Promise.race(waiting));
    await other.query('COMMIT');
    await other.end();
    const refused = (await answers).filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const answer of refused) expect(answer.status).toBe(503);
  });

  test('a server opens at most DATABASE_CONNECTIONS connections', async () => {
    const server = await open({ DATABASE_CONNECTIONS: '5' });
    const avatar = await newAvatar(server);
    const started = await Promise.all(Array.from({ length: 30 }, async () => startGeneration(server, avatar)));
    await Promise.all(started.map(async (id) => follow(server, id)));
    const own = await server.app.prisma.$queryRaw<unknown[]>`
      SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = ${applicationName}`;
    expect(own.length).toBeGreaterThan(1);
    expect(own.length).toBeLessThanOrEqual(5);
  });

  test('a second server that would simulate fal in the same folder does not start', async () => {
    await open({ FAL_MODE: 'simulated', FAL_BASE_URL: '' });
    await expect(open({ FAL_MODE: 'simulated', FAL_BASE_URL: '' })).rejects.toThrow(/in use by another Likeness/);
  });
});

describe('a database that cannot be used', () => {
  test('at a port where nothing listens is reported in one sentence with the setting and without the password', async () => {
    const url = 'postgresql://likeness:secret@127.0.0.1:1/likeness';
    const { dataDir, remove } = newDataFolder();
    const { code, output } = await runToEnd({ DATABASE_URL: url, DATA_DIR: dataDir });
    remove();
    expect(code).toBe(1);
    expect(output).toMatch(/^DATABASE_URL: the database cannot be used \(.*ECONNREFUSED.*\)\.$/m);
    expect(output).not.toMatch(/secret|^\s+at /m);
  });

  test.runIf(databases.length > 1)('there is no such database', async () => {
    const { env, remove } = await onPostgres();
    const url = new URL(String(env['DATABASE_URL']));
    url.pathname = '/likeness_not_there';
    await expect(openPostgres(url.href, 1)).rejects.toThrow(DatabaseMisconfigured);
    await remove();
  });
});
