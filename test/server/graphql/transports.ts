/** Every way to send an operation to a server, and a comparison of what the operation leaves behind over each of them. */
import { once } from 'node:events';
import { expect, vi } from 'vitest';
import { WebSocket } from 'ws';

export type Operation = {
  query: string;
  variables?: Record<string, unknown>;
  operationName?: string;
  extensions?: Record<string, unknown>;
};
export type Result = {
  data?: unknown;
  errors?: { message: string; path?: unknown; extensions?: { code?: string } }[];
};
/** Sends an operation with headers that name the caller. Resolves with all results. */
export type Send = (operation: Operation, caller: Record<string, string>) => Promise<Result[]>;
/** By name. The first is the one that the others are compared with. */
export type Transports = Record<string, Send>;

const events = { accept: 'text/event-stream' };
const traced = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'x-anything': 'else' };

export function transportsOf(url: () => string) {
  const { post, get, multipart } = overHttp(url);
  const webSocket = overWebSocket(url);
  const mutations = {
    'POST as JSON': post({}),
    'POST as JSON with a traceparent': post({ ...traced, accept: 'application/json' }),
    'POST for application/graphql-response+json': post({ accept: 'application/graphql-response+json' }),
    'POST for server-sent events': post(events),
    'POST for server-sent events with a traceparent': post({ ...events, ...traced }),
    multipart: multipart({}),
    WebSocket: webSocket,
  };
  return {
    mutations,
    queries: { ...mutations, GET: get({}), 'GET for server-sent events': get(events) },
    streams: {
      'POST for server-sent events': post(events),
      'POST for server-sent events that Yoga writes': post({ accept: 'text/event-stream; charset=utf-8' }),
      'POST for anything': post({ accept: '*/*' }),
      'GET for server-sent events': get(events),
      'multipart for server-sent events': multipart(events),
      WebSocket: webSocket,
    },
  };
}

function overHttp(url: () => string) {
  const send = async (search: string, init: RequestInit) => await read(await fetch(`${url()}/graphql${search}`, init));

  const post =
    (headers: Record<string, string>): Send =>
    (operation, caller) =>
      send('', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...caller, ...headers },
        body: JSON.stringify(operation),
      });

  const get =
    (headers: Record<string, string>): Send =>
    ({ query, variables, operationName, extensions }, caller) => {
      const search = new URLSearchParams({ query });
      if (variables !== undefined) search.set('variables', JSON.stringify(variables));
      if (operationName !== undefined) search.set('operationName', operationName);
      if (extensions !== undefined) search.set('extensions', JSON.stringify(extensions));
      return send(`?${search}`, { headers: { ...caller, ...headers } });
    };

  const multipart =
    (headers: Record<string, string>): Send =>
    (operation, caller) => {
      const body = new FormData();
      body.set('operations', JSON.stringify(operation));
      body.set('map', '{}');
      return send('', { method: 'POST', headers: { ...caller, ...headers }, body });
    };
  return { post, get, multipart };
}

/** The results in a body of JSON or server-sent events. */
async function read(response: Response): Promise<Result[]> {
  const text = await response.text();
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return [JSON.parse(text) as Result];
  expect(text).toMatch(/event: complete\ndata:\n\n$/);
  return [...text.matchAll(/event: next\ndata: ([^\n]*)\n/g)].map(([, data = '']) => JSON.parse(data) as Result);
}

/**
 * One operation on a socket of its own. An `error` message counts as a result with those errors. Rejects with the close
 * code if the server closes the socket.
 */
const overWebSocket =
  (url: () => string): Send =>
  async (operation, headers) => {
    const socket = new WebSocket(`${url().replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers });
    await once(socket, 'open');
    const results: Result[] = [];
    const over = new Promise<void>((resolve, reject) => {
      socket.once('close', (code) => reject(new Error(`The server closed the socket with ${code}.`)));
      socket.on('message', (data: Buffer) => {
        const { type, payload } = JSON.parse(data.toString()) as { type: string; payload: never };
        if (type === 'connection_ack') socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: operation }));
        if (type === 'next') results.push(payload);
        if (type === 'error') results.push({ errors: payload });
        if (type === 'error' || type === 'complete') resolve();
      });
    });
    socket.send('{"type":"connection_init"}');
    await over.finally(() => socket.terminate());
    return results;
  };

/** What a server has logged and counted since the last `clear`. */
export type Records = {
  lines: () => Record<string, unknown>[];
  /** The limits that refused something, and the spans that were started. */
  refused?: () => string[];
  spans?: () => string[];
  clear: () => void;
};

/** The results of one operation, its log lines without times, its refusals by limits, and its spans. */
export async function traceOf(records: Records, send: Send, operation: Operation, caller: Record<string, string>) {
  records.clear();
  const results = await send(operation, caller);
  const requests = () => records.lines().filter(({ msg }) => msg === 'request');
  await vi.waitFor(() => expect(requests()).toHaveLength(1), 30_000);
  const lines = requests().map(({ level, operation: name, codes }) => ({ level, name, codes }));
  const failures = records.lines().filter(({ level }) => level === 50);
  return {
    results,
    lines,
    failures: failures.map(({ msg, path }) => ({ msg, path })),
    refused: [...(records.refused?.() ?? [])],
    spans: [...(records.spans?.() ?? [])],
  };
}

/** Sends an operation twice over each transport: its document is new to the server, and then known. */
export async function compare(
  records: Records,
  transports: Transports,
  operation: Operation,
  callerOf: () => Record<string, string>,
) {
  const [[, reference], ...others] = Object.entries(transports) as [[string, Send], ...[string, Send][]];
  const expected = await traceOf(records, reference, operation, callerOf());
  expect(await traceOf(records, reference, operation, callerOf())).toEqual(expected);
  for (const [name, send] of others) {
    for (let time = 0; time < 2; time += 1) {
      expect({ name, ...(await traceOf(records, send, operation, callerOf())) }).toEqual({ name, ...expected });
    }
  }
  return expected;
}
