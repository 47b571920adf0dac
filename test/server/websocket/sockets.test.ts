/** graphql-transport-ws to the letter, over real sockets. https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { gql } from '../../support/http.ts';
import { converse } from '../../support/raw.ts';
import { openWorld } from '../world.ts';

type Message = { type: string; id?: string; payload?: unknown };

/** A socket without a client library: the messages that it receives, in order, and its close code. */
async function openRaw(
  url: string,
  options: { protocol?: string | null; autoPong?: boolean; headers?: Record<string, string> } = {},
) {
  const { protocol = 'graphql-transport-ws', autoPong = true, headers = {} } = options;
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol === null ? [] : protocol, {
    autoPong,
    headers,
  });
  onTestFinished(() => socket.terminate());
  const received: Message[] = [];
  socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString()) as Message));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await once(socket, 'open');
  const send = (message: object | string) =>
    socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  /** The next messages, waited for. */
  const take = async (count: number) => {
    await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(count));
    return received.splice(0, count);
  };
  const expectNext = async (...messages: object[]) => expect(await take(messages.length)).toEqual(messages);
  return { socket, received, closed, send, take, expectNext };
}

async function openReady(url: string) {
  const raw = await openRaw(url);
  raw.send({ type: 'connection_init' });
  await vi.waitFor(() => expect(raw.received.splice(0)).toEqual([{ type: 'connection_ack' }]));
  return raw;
}

const subscribe = (id: string, query: string, rest: object = {}) => ({
  type: 'subscribe',
  id,
  payload: { query, ...rest },
});
const works = { data: { hello: 'hello world' } };

describe('operations', () => {
  test('a query, a mutation and a subscription, each to its complete', async () => {
    const { url } = await openWorld();
    const { send, received } = await openReady(url);
    send(subscribe('q', 'query Q($n: String) { hello(name: $n) }', { variables: { n: 'ws' }, operationName: 'Q' }));
    send(subscribe('m', 'mutation { count }'));
    send(subscribe('s', 'subscription { countTo(last: 2) }'));
    await vi.waitFor(() => expect(received).toHaveLength(7));
    const of = (id: string) => received.filter((message) => message.id === id);
    expect(of('q')).toEqual([
      { id: 'q', type: 'next', payload: { data: { hello: 'hello ws' } } },
      { id: 'q', type: 'complete' },
    ]);
    expect(of('m')).toEqual([
      { id: 'm', type: 'next', payload: { data: { count: 1 } } },
      { id: 'm', type: 'complete' },
    ]);
    expect(of('s')).toEqual([
      { id: 's', type: 'next', payload: { data: { countTo: 1 } } },
      { id: 's', type: 'next', payload: { data: { countTo: 2 } } },
      { id: 's', type: 'complete' },
    ]);
  });

  test('get their context for the socket', async () => {
    const { url } = await openWorld({
      createContext: ({ transport, connectionParams, headers }) => ({
        caller: `${transport} ${String(connectionParams['key'])} ${String(headers['x-from'])}`,
      }),
    });
    const { send, expectNext, take } = await openRaw(url, { headers: { 'x-from': 'test' } });
    send({ type: 'connection_init', payload: { key: 'k' } });
    await expectNext({ type: 'connection_ack' });
    send(subscribe('1', '{ caller }'));
    expect(await take(2)).toEqual([
      { id: '1', type: 'next', payload: { data: { caller: 'WEBSOCKET k test' } } },
      { id: '1', type: 'complete' },
    ]);
  });

  test('errors of the document answer that operation only; the socket and its other operations go on', async () => {
    const { url, channel } = await openWorld();
    const { send, expectNext, take, socket } = await openReady(url);
    send(subscribe('live', 'subscription { follow }'));
    await vi.waitFor(() => expect(channel.open).toBe(1));
    const refused: [document: string, message: unknown, code?: string][] = [
      ['{', 'Syntax Error: Expected Name, found <EOF>.', 'GRAPHQL_PARSE_FAILED'],
      ['', 'Syntax Error: Unexpected <EOF>.', 'GRAPHQL_PARSE_FAILED'],
      ['{ nothing }', 'Cannot query field "nothing" on type "Query".', 'GRAPHQL_VALIDATION_FAILED'],
      ['subscription { countTo }', expect.stringContaining('required'), 'GRAPHQL_VALIDATION_FAILED'],
      ['mutation { save(file: "x") { fileName } }', expect.stringContaining('multipart'), 'GRAPHQL_VALIDATION_FAILED'],
      [
        'query A { hello } query B { hello }',
        'Could not determine what operation to execute.',
        'OPERATION_RESOLUTION_FAILURE',
      ],
    ];
    for (const [document, message, code] of refused) {
      send(subscribe('bad', document));
      const error = { message, ...(code !== undefined && { extensions: { code } }) };
      expect(await take(1)).toMatchObject([{ id: 'bad', type: 'error', payload: [error] }]);
    }
    const failed: [document: string, error: object][] = [
      ['query ($n: Int!) { bytes(count: $n) }', { message: expect.stringContaining('"$n"') as string }],
      ['subscription { missing }', { message: 'There is no such job.', extensions: { code: 'NOT_FOUND' } }],
    ];
    for (const [document, error] of failed) {
      send(subscribe('bad', document));
      const result = { id: 'bad', type: 'next', payload: { errors: [error] } };
      expect(await take(2)).toMatchObject([result, { id: 'bad', type: 'complete' }]);
    }
    channel.publish('still here');
    await expectNext({ id: 'live', type: 'next', payload: { data: { follow: 'still here' } } });
    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  test('unexpected errors are masked and logged, at once and in the middle of a stream', async () => {
    const { url, lines } = await openWorld();
    const { send, expectNext } = await openReady(url);
    const masked = (path?: string) =>
      expect.objectContaining({
        message: 'Unexpected error.',
        extensions: { code: 'INTERNAL_SERVER_ERROR' },
        ...(path !== undefined && { path: [path] }),
      }) as object;
    send(subscribe('1', '{ boom }'));
    await expectNext(
      { id: '1', type: 'next', payload: { data: { boom: null }, errors: [masked('boom')] } },
      { id: '1', type: 'complete' },
    );
    send(subscribe('2', 'subscription { boomAfter(values: 1) }'));
    await expectNext(
      { id: '2', type: 'next', payload: { data: { boomAfter: 1 } } },
      { id: '2', type: 'error', payload: [masked()] },
    );
    send(subscribe('3', 'subscription { tooSlow }'));
    await expectNext(
      { id: '3', type: 'next', payload: { data: { tooSlow: 1 } } },
      {
        id: '3',
        type: 'error',
        payload: [{ message: 'This subscriber did not keep up.', extensions: { code: 'SUBSCRIBER_TOO_SLOW' } }],
      },
    );
    send(subscribe('4', 'subscription { huge }'));
    await expectNext({ id: '4', type: 'error', payload: [masked()] });
    const logged = lines.filter((line) => line['level'] === 50);
    expect(logged.splice(2)).toMatchObject([{ err: { message: expect.stringContaining('BigInt') as string } }]);
    expect(logged).toMatchObject([
      { err: { message: 'the password is hunter2' } },
      { err: { message: 'the password is hunter2' } },
    ]);
  });

  test('complete ends a subscription without another word, and its id is free again', async () => {
    const { url, channel } = await openWorld();
    const { send, expectNext, received } = await openReady(url);
    for (let round = 1; round <= 3; round += 1) {
      send(subscribe('s', 'subscription { follow }'));
      await vi.waitFor(() => expect(channel.open).toBe(1));
      channel.publish(`round ${round}`);
      await expectNext({ id: 's', type: 'next', payload: { data: { follow: `round ${round}` } } });
      send({ type: 'complete', id: 's' });
      await vi.waitFor(() => expect(channel.open).toBe(0));
    }
    send({ type: 'complete', id: 'unknown' });
    send(subscribe('q', '{ hello }'));
    await expectNext({ id: 'q', type: 'next', payload: works }, { id: 'q', type: 'complete' });
    expect(received).toEqual([]);
  });

  test('an id may be used again at once, as often as one likes', async () => {
    const { url, channel } = await openWorld();
    const { send, expectNext, received, socket } = await openReady(url);
    for (let round = 0; round < 50; round += 1) {
      send(subscribe('a', 'subscription { follow }'));
      send({ type: 'complete', id: 'a' });
    }
    send(subscribe('a', 'subscription { follow }'));
    send({ type: 'ping' });
    await expectNext({ type: 'pong' });
    await vi.waitFor(() => expect(channel.open).toBe(1));
    channel.publish('once');
    await expectNext({ id: 'a', type: 'next', payload: { data: { follow: 'once' } } });
    expect(received).toEqual([]);
    for (const id of ['1:a', 'é"\\', '__proto__', '7']) {
      send(subscribe(id, '{ hello }'));
      await expectNext({ id, type: 'next', payload: works }, { id, type: 'complete' });
    }
    socket.close();
    await vi.waitFor(() => expect(channel.open).toBe(0));
  });

  test('one socket runs a limited number at a time; the log shows the refusal of another', async () => {
    const { url, channel, lines } = await openWorld({ limits: { operationsPerSocket: 3 } });
    const { send, expectNext } = await openReady(url);
    for (const id of ['1', '2', '3', '4']) send(subscribe(id, 'subscription { follow }'));
    const refused = {
      message: 'One socket runs 3 operations at a time at most. Complete one, or open another.',
      extensions: { code: 'TOO_MANY_OPERATIONS' },
    };
    await expectNext({ id: '4', type: 'error', payload: [refused] });
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: 'request', level: 40, codes: ['TOO_MANY_OPERATIONS'] }),
    );
    await vi.waitFor(() => expect(channel.open).toBe(3));
    send({ type: 'complete', id: '1' });
    await vi.waitFor(() => expect(channel.open).toBe(2));
    send(subscribe('4', '{ hello }'));
    await expectNext({ id: '4', type: 'next', payload: works }, { id: '4', type: 'complete' });
  });

  test('have a line each in the log, without their variables', async () => {
    const { url, lines } = await openWorld();
    const { send, received } = await openReady(url);
    send(subscribe('1', 'query Fine($n: String) { hello(name: $n) }', { variables: { n: 'secret' } }));
    send(subscribe('2', 'query Bad { boom }'));
    send(subscribe('3', 'query Worse {'));
    await vi.waitFor(() => expect(received).toHaveLength(5));
    expect(lines.filter((line) => line['msg'] === 'request')).toMatchObject([
      { level: 40, transport: 'websocket', codes: ['GRAPHQL_PARSE_FAILED'] },
      { level: 20, transport: 'websocket', operation: 'Fine', ms: expect.any(Number) as number },
      { level: 40, transport: 'websocket', operation: 'Bad', codes: ['INTERNAL_SERVER_ERROR'] },
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});

describe('messages', () => {
  test('ping is answered by pong, before and after init, with its payload; pong by nothing', async () => {
    const { url } = await openWorld();
    const { send, expectNext, received } = await openRaw(url);
    send({ type: 'ping' });
    send({ type: 'ping', payload: { a: 1 } });
    await expectNext({ type: 'pong' }, { type: 'pong', payload: { a: 1 } });
    send({ type: 'pong', payload: {} });
    send({ type: 'connection_init' });
    await expectNext({ type: 'connection_ack' });
    send({ type: 'ping' });
    await expectNext({ type: 'pong' });
    expect(received).toEqual([]);
  });

  test.each([
    'not json',
    '',
    'null',
    '1',
    '[]',
    '{}',
    '{"type":1}',
    '{"type":"unknown"}',
    '{"type":"start","id":"1","payload":{"query":"{hello}"}}',
    '{"type":"subscribe"}',
    '{"type":"subscribe","id":1,"payload":{"query":"{hello}"}}',
    '{"type":"subscribe","id":"","payload":{"query":"{hello}"}}',
    '{"type":"subscribe","id":"1"}',
    '{"type":"subscribe","id":"1","payload":{}}',
    '{"type":"subscribe","id":"1","payload":{"query":1}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{hello}","variables":"x"}}',
    '{"type":"complete"}',
    '{"type":"connection_init","payload":"x"}',
    '{"type":"connection_ack"}',
    '{"type":"next","id":"1","payload":{}}',
    '{"type":"error","id":"1","payload":[{"message":"x"}]}',
  ])('%s closes the socket with 4400', async (message) => {
    const { url, lines } = await openWorld();
    const { send, closed } = await openReady(url);
    send(message);
    expect(await closed).toEqual({ code: 4400, reason: 'Invalid message received' });
    expect(lines.filter((line) => (line['level'] as number) >= 50)).toEqual([]);
  });
});

describe('close codes', () => {
  test('4401: an operation before the connection is acknowledged', async () => {
    const { url } = await openWorld();
    const { send, closed } = await openRaw(url);
    send(subscribe('1', '{ hello }'));
    expect(await closed).toEqual({ code: 4401, reason: 'Unauthorized' });
  });

  test('4403: a caller without a context, at init and later', async () => {
    let isAllowed = false;
    const { url } = await openWorld({ createContext: () => (isAllowed ? {} : null) });
    const early = await openRaw(url);
    early.send({ type: 'connection_init' });
    expect(await early.closed).toEqual({ code: 4403, reason: 'Forbidden.' });
    isAllowed = true;
    const late = await openReady(url);
    isAllowed = false;
    late.send(subscribe('1', '{ hello }'));
    expect(await late.closed).toEqual({ code: 4403, reason: 'Forbidden.' });
  });

  test.each([null, 'graphql-ws', 'unknown'])('4406: the subprotocol %s', async (protocol) => {
    const { url } = await openWorld();
    const { closed } = await openRaw(url, { protocol });
    expect(await closed).toEqual({ code: 4406, reason: 'Subprotocol not acceptable' });
  });

  test('4408: no init in time', async () => {
    const { url } = await openWorld({ limits: { connectionInitTimeoutMs: 100 } });
    const { closed } = await openRaw(url);
    expect(await closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
  });

  test('4409: an id that is in use', async () => {
    const { url, channel } = await openWorld();
    const { send, closed } = await openReady(url);
    send(subscribe('same', 'subscription { follow }'));
    send(subscribe('same', 'subscription { follow }'));
    expect(await closed).toEqual({ code: 4409, reason: 'Subscriber for same already exists' });
    await vi.waitFor(() => expect(channel.open).toBe(0));
  });

  test('4429: a second init', async () => {
    const { url } = await openWorld();
    const { send, closed } = await openReady(url);
    send({ type: 'connection_init' });
    expect(await closed).toEqual({ code: 4429, reason: 'Too many initialisation requests' });
  });

  test('4500: a context that throws at init; the client does not see the error', async () => {
    const { url, lines } = await openWorld({
      createContext: () => {
        throw new Error('the password is hunter2');
      },
    });
    const { send, closed } = await openRaw(url);
    send({ type: 'connection_init' });
    expect(await closed).toEqual({ code: 4500, reason: 'Internal server error' });
    expect(lines).toContainEqual(expect.objectContaining({ level: 50 }));
  });

  test('1009: a frame of 8 MiB, which the server survives', async () => {
    const { url } = await openWorld();
    const { send, closed } = await openReady(url);
    send(subscribe('1', `{ hello } # ${'x'.repeat(8 * 1_048_576)}`));
    expect((await closed).code).toBe(1009);
    expect(await gql(url, '{ hello }')).toEqual(works);
  });

  test('1002: bytes that are no frame, which the server survives', async () => {
    const { url } = await openWorld();
    const raw = converse(
      url,
      `GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`,
    );
    await vi.waitFor(() => expect(raw.answer()).toContain('101 Switching Protocols'));
    expect(raw.answer().toLowerCase()).not.toContain('permessage-deflate');
    raw.send('this is no frame');
    await raw.closed;
    expect(await gql(url, '{ hello }')).toEqual(works);
  });
});

describe('the connection', () => {
  const handshake = (url: string, path: string, headers: Record<string, string>) =>
    new Promise<unknown>((resolve) => {
      const socket = new WebSocket(url.replace('http', 'ws') + path, 'graphql-transport-ws', { headers });
      socket.once('open', () => {
        socket.terminate();
        resolve('open');
      });
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.once('error', () => undefined);
    });

  test('is not for pages of other sites, other names or other paths', async () => {
    const { url } = await openWorld();
    expect(await handshake(url, '/graphql', {})).toBe('open');
    expect(await handshake(url, '/graphql?x=1', { origin: url })).toBe('open');
    expect(await handshake(url, '/graphql', { origin: 'https://evil.example' })).toBe(403);
    expect(await handshake(url, '/graphql', { host: 'rebound.evil.example' })).toBe(421);
    expect(await handshake(url, '/other', {})).toBe(404);
  });

  test('is kept by a peer that answers pings, and cut when it does not', async () => {
    const { url, channel } = await openWorld({ limits: { pingIntervalMs: 100 } });
    const alive = await openReady(url);
    const pinged = vi.fn<() => void>();
    alive.socket.on('ping', pinged);
    const dead = await openRaw(url, { autoPong: false });
    dead.send({ type: 'connection_init' });
    await dead.expectNext({ type: 'connection_ack' });
    dead.send(subscribe('1', 'subscription { follow }'));
    await vi.waitFor(() => expect(channel.open).toBe(1));
    expect((await dead.closed).code).toBe(1006);
    await vi.waitFor(() => expect(channel.open).toBe(0));
    await vi.waitFor(() => expect(pinged.mock.calls.length).toBeGreaterThan(3));
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
    alive.socket.ping();
    await once(alive.socket, 'pong');
  });

  test('when it breaks, lets its subscriptions go', async () => {
    const { url, channel } = await openWorld();
    const { send, socket } = await openReady(url);
    for (let id = 0; id < 20; id += 1) send(subscribe(String(id), 'subscription { follow }'));
    await vi.waitFor(() => expect(channel.open).toBe(20));
    socket.terminate();
    await vi.waitFor(() => expect(channel.open).toBe(0));
  });
});
