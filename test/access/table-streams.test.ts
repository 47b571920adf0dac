/** Every subscription of the access table as every role, over server-sent events and WebSocket. */
import { isDeepStrictEqual } from 'node:util';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Job } from '../../prisma/generated/client/client.ts';
import { globalId } from '../support/global-id.ts';
import { addAvatar, addJob } from '../support/rows.ts';
import { type Role, roles, subscriptions } from './table-rows.ts';
import { absent, idsOf, leaksIn, openTableServer, type TableServer } from './table-server.ts';

let server: TableServer;
/** A job that belongs to each role's user. */
const jobs = {} as Record<Role, Job>;
beforeAll(async () => {
  server = await openTableServer();
  const { app, viewers } = server;
  for (const role of roles) {
    if (role === 'nobody') continue;
    const ownerId = viewers[role];
    const avatar = await addAvatar(app.prisma, ownerId);
    jobs[role] = await addJob(app.prisma, avatar, { prompt: `of ${role}`, finalPrompt: `of ${role}` });
  }
});
afterAll(() => server.close());

type Stream = { next(): Promise<unknown>; close(): Promise<void> };
type Open = (role: Role | 'mute', document: string, variables?: Record<string, unknown>) => Stream;

const streamOf = (results: AsyncIterableIterator<unknown>, dispose: () => unknown): Stream => ({
  // graphql-sse returns an error as a result; graphql-ws throws it.
  next: async () => {
    try {
      return (await results.next()).value;
    } catch (error) {
      return { errors: error };
    }
  },
  close: async () => {
    await results.return?.();
    await dispose();
  },
});

const transports: Record<string, Open> = {
  SSE: (role, query, variables = {}) => {
    const client = createSseClient({ url: `${server.url}/graphql`, headers: server.headers[role], retryAttempts: 0 });
    return streamOf(client.iterate({ query, variables }), () => client.dispose());
  },
  WebSocket: (role, query, variables = {}) => {
    const client = createWsClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: server.headers[role],
      retryAttempts: 0,
    });
    return streamOf(client.iterate({ query, variables }), () => client.dispose());
  },
};

const { jobEvents, jobChanged } = subscriptions;
const known = roles.filter((role) => role !== 'nobody');
const cases = Object.keys(transports).flatMap((transport) => known.map((role) => [transport, role] as const));
const subscriptionsOpen = (count: number) => vi.waitFor(() => expect(server.app.events.openTails).toBe(count));

/** Appends an event to the job and notifies its subscribers. */
async function change(job: Job): Promise<void> {
  const { app } = server;
  const payload = { position: 1 };
  const lastSequence = await app.prisma.$transaction((tx) =>
    app.events.append(tx, job.id, [{ type: 'QUEUE_MOVED', payload }]),
  );
  app.events.nudge({ ...job, lastSequence });
}

describe('jobEvents of the owner’s job', () => {
  test.each(cases)('over %s as %s', async (transport, role) => {
    const first = async (id: string) => {
      const stream = transports[transport]?.(role, jobEvents?.document ?? '', { id });
      const result = await stream?.next();
      await stream?.close();
      return result;
    };
    const { waiting } = idsOf(server.owner);
    const got = await first(waiting);
    const isTheirs = jobEvents?.gets[role] === 'VALUE';
    expect(got).toMatchObject(
      isTheirs
        ? { data: { jobEvents: { sequence: 1, job: { id: waiting } } } }
        : { errors: [{ message: 'There is no such job.', extensions: { code: 'NOT_FOUND' } }] },
    );
    // Others get the same error as for a job that does not exist.
    expect(isDeepStrictEqual(got, await first(absent(waiting)))).toBe(!isTheirs);
    expect(leaksIn(JSON.stringify(got), role, server.owner)).toEqual([]);
  });
});

describe('jobChanged, after the owner’s job and then the role’s own job changed,', () => {
  test.each(cases)('over %s as %s', async (transport, role) => {
    const { owner } = server;
    await subscriptionsOpen(0);
    const stream = transports[transport]?.(role, jobChanged?.document ?? '');
    const first = stream?.next();
    await subscriptionsOpen(1);
    const ofOwner = owner.rows.Generation[1];
    if (ofOwner === undefined) throw new Error('The owner has no job that waits.');
    await change(ofOwner);
    await change(jobs[role]);
    const isTheirs = jobChanged?.gets[role] === 'VALUE';
    const expected = isTheirs ? ofOwner : jobs[role];
    const got = await first;
    expect(got).toMatchObject({ data: { jobChanged: { id: globalId('Generation', expected.id) } } });
    expect(leaksIn(JSON.stringify(got), role, owner)).toEqual([]);
    await stream?.close();
  });
});

describe('a key without READ', () => {
  test.each(Object.keys(transports))('cannot subscribe over %s', async (transport) => {
    const { waiting: id } = idsOf(server.owner);
    for (const { document } of Object.values(subscriptions)) {
      const stream = transports[transport]?.('mute', document, { id });
      expect(await stream?.next()).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
      await stream?.close();
    }
  });
});

describe('a caller without credentials', () => {
  test.each(Object.keys(subscriptions))('cannot subscribe to %s', async (name) => {
    const { document = '' } = subscriptions[name] ?? {};
    expect(subscriptions[name]?.gets.nobody).toBe('UNAUTHENTICATED');
    const { waiting: id } = idsOf(server.owner);
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: document, variables: { id } }),
    });
    expect([response.status, response.headers.get('www-authenticate')?.split(' ')[0]]).toEqual([401, 'Bearer']);
    expect(leaksIn(await response.text(), 'nobody', server.owner)).toEqual([]);
    const stream = transports['WebSocket']?.('nobody', document, { id });
    expect(await stream?.next()).toMatchObject({ errors: { code: 4403 } });
    await stream?.close();
  });
});
