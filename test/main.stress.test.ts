/** The server as a process: the starts that it refuses, the ends and the addresses that main.test.ts leaves out. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { gql } from './support/http.ts';
import { dataFolder } from './support/likeness.ts';
import { runKeys, runToEnd, startOn } from './support/process.ts';

describe('it does not start, and says why in a sentence', () => {
  test('on a data folder that is none, or whose database is no database', async () => {
    const dataDir = dataFolder();
    const file = await runToEnd({ DATA_DIR: join(dataDir, 'database', 'PG_VERSION') });
    expect(file.code).toBe(1);
    expect(file.output).toMatch(
      /^DATA_DIR: .+PG_VERSION is not a folder that this server can write to \(EEXIST: .+\)\.$/m,
    );
    rmSync(join(dataDir, 'database', 'global'), { recursive: true });
    const broken = await runToEnd({ DATA_DIR: dataDir });
    expect(broken.code).toBe(1);
    expect(broken.output).toMatch(
      /^The database in .+ does not open \(.+\)\. .+DATA_DIR to (another|a new) folder\.$/m,
    );
    expect(broken.output).not.toMatch(/\bat .+\.ts:\d+/);
  });

  test('on a port that another program has; its data folder is free again', async () => {
    const dataDir = dataFolder();
    const first = await startOn(dataFolder());
    const { code, output } = await runToEnd({ DATA_DIR: dataDir, PORT: new URL(first.url).port });
    expect(code).toBe(1);
    expect(output).toMatch(/^PORT: another program listens on this port/m);
    await startOn(dataDir);
  });
});

describe('its end', () => {
  test('SIGINT: it asks subscribers to reconnect, and ends with 0', async () => {
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
    expect(await server.end('SIGINT')).toBe(0);
    expect(await closed).toBe(1001);
    await stream.text().catch(() => undefined);
    await startOn(dataDir);
  });

  test('a second signal ends it at once, and the next start goes on', async () => {
    const dataDir = dataFolder();
    const server = await startOn(dataDir, { DRAIN_SECONDS: '60' });
    const ended = server.end('SIGTERM');
    await expect.poll(async () => (await fetch(`${server.url}/ready`)).status).toBe(503);
    process.kill(server.pid, 'SIGTERM');
    expect(await ended).toBe(1);
    expect(server.output()).toContain('Stopped at once by a second signal.');
    await startOn(dataDir);
  });
});

test('a server that can be reached from elsewhere says how to get the first key, and who has one is let in', async () => {
  const dataDir = dataFolder();
  const env = { HOST: '0.0.0.0', METERING: 'off' };
  const first = await startOn(dataDir, env);
  expect(first.output()).toContain('Callers need a key');
  expect(first.output()).toMatch(/^There is no admin key yet\. .+npm run keys -- create/m);
  expect((await runKeys({ DATA_DIR: dataDir }, 'create', '--name', 'me', '--scopes', 'admin')).stderr).toMatch(
    /^The data folder .+ is in use by another Likeness server/,
  );
  expect((await fetch(`${first.url}/graphql?query={viewer{id}}`)).status).toBe(401);
  await first.end('SIGTERM');
  const { stdout } = await runKeys({ DATA_DIR: dataDir }, 'create', '--name', 'me', '--scopes', 'admin');
  const second = await startOn(dataDir, env);
  expect(second.output()).not.toContain('There is no admin key yet');
  const headers = { authorization: `Bearer ${stdout.trim()}` };
  expect((await gql(second.url, '{ viewer { apiKeys { edges { node { name } } } } }', {}, headers)).data).toEqual({
    viewer: { apiKeys: { edges: [{ node: { name: 'me' } }] } },
  });
});
