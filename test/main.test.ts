/** The server as a process: its first start, what it refuses to start with, and its end. main.stress.test.ts has more. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { gql, openSocket } from './support/http.ts';
import { dataFolder } from './support/likeness.ts';
import { freePort, runKeys, runToEnd, startOn } from './support/process.ts';

describe('the first start', () => {
  test('makes everything, and says where GraphiQL is, which fal it is, and where the data lies', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'likeness-first-'));
    onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
    const dataDir = join(parent, 'data');
    const server = await startOn(dataDir);
    expect(server.output()).toContain('Creating the database');
    expect(server.output()).toMatch(/^GraphiQL is at http:\/\/127\.0\.0\.1:\d+\/graphql$/m);
    expect(server.output()).toMatch(/^fal is simulated: .+ set FAL_KEY/m);
    expect(server.output()).toContain(`Data is in ${dataDir}.`);
    expect(await (await fetch(`${server.url}/health`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${server.url}/ready`)).json()).toEqual({
      ready: true,
      parts: { database: true, disk: true, steps: true, storage: true },
      note: 'Whether fal can be reached is no condition: jobs are taken all the same, and wait for it.',
    });
    expect((await gql(server.url, '{ viewer { id } }')).data).toHaveProperty('viewer.id');
    expect(await server.end('SIGTERM')).toBe(0);
  });
});

describe('it does not start, and says why in a sentence', () => {
  test('with a setting that is wrong', async () => {
    const { code, output } = await runToEnd({ DATA_DIR: dataFolder(), PORT: 'http' });
    expect(code).toBe(1);
    expect(output).toMatch(/^PORT: .+/m);
    expect(output).not.toMatch(/\bat .+\.ts:\d+/);
  });

  test('on a data folder that another server has, which goes on', async () => {
    const dataDir = dataFolder();
    const first = await startOn(dataDir);
    const { code, output } = await runToEnd({ DATA_DIR: dataDir });
    expect(code).toBe(1);
    expect(output).toMatch(
      /^The data folder .+ is in use by another Likeness server \(process \d+\)\. .+DATA_DIR to (another|a new) folder\.$/m,
    );
    expect((await gql(first.url, '{ viewer { id } }')).errors).toBeUndefined();
  });
});

describe('its end', () => {
  test('SIGTERM: it asks subscribers to reconnect, and ends with 0', async () => {
    const dataDir = dataFolder();
    const server = await startOn(dataDir);
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send('{"type":"connection_init"}');
    await new Promise((resolve) => socket.once('message', resolve));
    socket.send('{"type":"subscribe","id":"1","payload":{"query":"subscription { jobChanged { id } }"}}');
    const stream = await fetch(`${server.url}/graphql?query=subscription{jobChanged{id}}`, {
      headers: { accept: 'text/event-stream' },
    });
    expect(await server.end('SIGTERM')).toBe(0);
    expect(await closed).toBe(1001);
    await stream.text().catch(() => undefined);
    await startOn(dataDir);
  });

  test('a job under way goes on at the next start', async () => {
    const dataDir = dataFolder();
    const env = { PORT: String(await freePort()), FAL_SIMULATOR_SPEED: 'quick' };
    const server = await startOn(dataDir, env);
    const imported = await gql<{ importAvatar: { id: string } }>(
      server.url,
      'mutation { importAvatar(input: { style: { name: "Ink", finetuneId: "none", triggerWord: "INK" } }) { ... on StyleAvatar { id } } }',
    );
    const started = await gql<{ startGeneration: { id: string } }>(
      server.url,
      'mutation($id: ID!) { startGeneration(input: { avatarId: $id, prompt: "a harbour" }) { ... on Generation { id } } }',
      { id: imported.data?.importAvatar.id },
    );
    const variables = { jobId: started.data?.startGeneration.id };
    expect(await server.end('SIGTERM')).toBe(0);
    await startOn(dataDir, env);
    const client = openSocket(server.url);
    const told: number[] = [];
    let last = '';
    const query = 'subscription($jobId: ID!) { jobEvents(jobId: $jobId) { __typename sequence } }';
    for await (const { data } of client.iterate<{ jobEvents: { __typename: string; sequence: number } }>({
      query,
      variables,
    })) {
      told.push(data?.jobEvents.sequence ?? 0);
      last = data?.jobEvents.__typename ?? '';
    }
    await client.dispose();
    // The simulated fal never made that finetune: it says so at the result.
    expect(last).toBe('JobFailed');
    expect(told).toEqual(told.map((_, n) => n + 1));
  });
});

test('in production every line is JSON, and holds neither the key nor a prompt', async () => {
  const dataDir = dataFolder();
  const { stdout } = await runKeys({ DATA_DIR: dataDir }, 'create', '--name', 'first', '--scopes', 'admin');
  const key = stdout.trim();
  const server = await startOn(dataDir, {
    NODE_ENV: 'production',
    METERING: 'off',
    FAL_MODE: 'simulated',
    FAL_KEY: 'id:canary-of-a-key',
    LOG_LEVEL: 'debug',
  });
  const imported = await gql<{ importAvatar: { id: string } }>(
    server.url,
    'mutation { importAvatar(input: { style: { name: "Ink", finetuneId: "none", triggerWord: "INK" } }) { ... on StyleAvatar { id } } }',
    {},
    { authorization: `Bearer ${key}` },
  );
  await gql(
    server.url,
    'mutation($id: ID!) { startGeneration(input: { avatarId: $id, prompt: "canary of a prompt" }) { __typename } }',
    {
      id: imported.data?.importAvatar.id,
    },
    { authorization: `Bearer ${key}` },
  );
  await expect.poll(() => server.output()).toContain('job failed');
  await server.end('SIGTERM');
  const lines = server
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string });
  expect(lines.map(({ msg }) => msg)).toContain('Likeness serves');
  expect(server.output()).not.toMatch(/canary/);
  expect(key).toMatch(/^lk_[\w-]{43}$/);
  expect(server.output()).not.toContain(key);
});
