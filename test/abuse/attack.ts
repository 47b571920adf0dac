/** Shared by the attacks in this folder: servers that require credentials, keys for the attackers, and their responses. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { ApiScope } from '../../prisma/generated/client/client.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import type { Answer } from '../support/http.ts';
import { newDataFolder, startLikeness, type TestLikeness } from '../support/likeness.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';

/** The settings of a server that is reachable from outside: it requires keys. */
export const guarded = { PUBLIC_URL: 'https://likeness.example' };

/** Closed at the end of the test. */
export async function startGuarded(options: Parameters<typeof startLikeness>[0] = {}): Promise<TestLikeness> {
  const likeness = await startLikeness({ manual: true, ...options, env: { ...guarded, ...options.env } });
  onTestFinished(() => likeness.close());
  return likeness;
}

/** A guarded server in a separate process, for attacks that may crash it. */
export async function startVictim(env: Record<string, string> = {}): Promise<ServerProcess> {
  const { dataDir, remove } = newDataFolder();
  const victim = await startProcess({ DATA_DIR: dataDir, FAL_SIMULATOR_SPEED: 'instant', ...guarded, ...env });
  onTestFinished(async () => {
    await victim.end('SIGKILL');
    remove();
  });
  return victim;
}

/** `cpuMs` is the CPU time of this process, server and client. It does not count other load on the machine. */
export type Outcome = { status: number; headers: Headers; text: string; cpuMs: number } & Pick<
  Answer,
  'data' | 'errors'
>;

/** Posts a string as it is and anything else as JSON. A JSON response is parsed into `data` and `errors`. */
export async function attack(
  { url, headers = {} }: { url: string; headers?: Record<string, string> },
  body: unknown,
): Promise<Outcome> {
  const before = process.cpuUsage();
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return await outcomeOf(response, before);
}

export async function outcomeOf(response: Response, before = process.cpuUsage()): Promise<Outcome> {
  const text = await response.text();
  const { user, system } = process.cpuUsage(before);
  const isJson = response.headers.get('content-type')?.includes('json') && text !== '';
  const answer = (isJson ? JSON.parse(text) : {}) as Answer;
  return { ...answer, status: response.status, headers: response.headers, text, cpuMs: (user + system) / 1000 };
}

export const codeOf = ({ errors }: Pick<Outcome, 'errors'>) => errors?.[0]?.extensions?.['code'];

/** Creates a user with a key. `headers` send the key. */
export async function newKey(
  { app, url }: TestLikeness,
  scopes: ApiScope[] = ['WRITE'],
  expiresAt: Date | null = null,
): Promise<{ url: string; headers: Record<string, string>; id: string; ownerId: string; key: string }> {
  const { id: ownerId } = await app.prisma.user.create({ data: { id: randomUUID() } });
  const { apiKey, key } = await createApiKey(app, ownerId, { name: 'attacker', scopes, expiresAt });
  return { url, headers: { authorization: `Bearer ${key}` }, id: apiKey.id, ownerId, key };
}

export const revoke = ({ app }: TestLikeness, id: string) =>
  app.prisma.apiKey.update({ where: { id }, data: { revokedAt: new Date() } });

/** The errors in the server's log. No attack may cause one. */
export const failuresOf = ({ logged }: TestLikeness) =>
  logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => (line['level'] as number) >= 50);

/** Whether the server still responds. */
export const alive = async ({ url }: { url: string }) => (await fetch(`${url}/health`)).status === 200;

type Message = { type: string; id?: string; payload?: unknown };

/** Opens a WebSocket without a client library. `closed` resolves with the close code and reason. */
export async function openRaw(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers });
  onTestFinished(() => socket.terminate());
  const received: Message[] = [];
  socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString()) as Message));
  socket.on('error', () => undefined);
  const closed = new Promise<{ code: number; reason: string; at: number }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString(), at: performance.now() }));
  });
  await once(socket, 'open');
  return {
    socket,
    received,
    closed,
    send: (message: object | string) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    /** Waits for the next message that matches, and drops the ones before it. */
    async receive(matches: (message: Message) => boolean): Promise<Message> {
      await vi.waitFor(() => {
        if (!received.some(matches)) throw new Error(`Received only ${JSON.stringify(received)}`);
      });
      const index = received.findIndex(matches);
      return received.splice(0, index + 1).at(-1) as Message;
    },
  };
}

/** Opens a WebSocket that has authenticated with connection_init. */
export async function openReady(url: string, authorization: string) {
  const raw = await openRaw(url);
  raw.send({ type: 'connection_init', payload: { authorization } });
  await raw.receive(({ type }) => type === 'connection_ack');
  return raw;
}

export const operation = (id: string, query: string, variables: object = {}) => ({
  type: 'subscribe',
  id,
  payload: { query, variables },
});
