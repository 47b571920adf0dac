/** GraphQL over HTTP, as any client sees it. */
import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { getIntrospectionQuery } from 'graphql';
import { serverAudits } from 'graphql-http';
import { describe, expect, test, vi } from 'vitest';
import { createServer } from '../../../src/server/server.ts';
import { gql, sse, subscribe, upload } from '../../support/http.ts';
import { converse } from '../../support/raw.ts';
import { openWorld } from '../world.ts';

const json = { 'content-type': 'application/json' };
const query = (text: string) => JSON.stringify({ query: text });

describe('GraphQL', () => {
  test('answers a query, an upload and both kinds of subscription', async () => {
    const { url } = await openWorld();
    expect(await gql(url, '{ hello }')).toEqual({ data: { hello: 'hello world' } });
    const document = 'mutation ($file: File!) { save(file: $file) { fileName byteSize isTruncated } }';
    const saved = await upload(url, document, { file: null }, [{ path: 'variables.file', name: 'é', content: 'abc' }]);
    expect(saved).toEqual({ status: 200, data: { save: { fileName: 'é', byteSize: 3, isTruncated: false } } });
    for (const follow of [subscribe, sse]) {
      const seen: unknown[] = [];
      for await (const { data } of follow(url, 'subscription { countTo(last: 3) }')) seen.push(data?.['countTo']);
      expect(seen).toEqual([1, 2, 3]);
    }
  });

  test('passes every audit of graphql-http', async () => {
    const { url } = await openWorld();
    const results = await Promise.all(serverAudits({ url: `${url}/graphql` }).map((audit) => audit.fn()));
    const failed = results.filter((result) => result.status !== 'ok');
    expect(failed.map(({ name, status }) => `${status}: ${name}`)).toEqual([]);
    expect(results.length).toBeGreaterThan(50);
  });

  test('runs a query by GET and no mutation', async () => {
    const { url } = await openWorld();
    const read = await fetch(`${url}/graphql?query={hello}`, { headers: { accept: 'application/json' } });
    expect(await read.json()).toEqual({ data: { hello: 'hello world' } });
    const write = await fetch(`${url}/graphql?query=mutation{count}`);
    expect([write.status, write.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await gql(url, 'mutation { count }')).toEqual({ data: { count: 1 } });
  });

  test.each([
    'null',
    '1',
    '"s"',
    'true',
    '[]',
    '{',
    '',
    '{}',
    '{"query":1}',
    '{"query":"{hello}","variables":1}',
  ])('a body of %s: 400', async (body) => {
    const { url } = await openWorld();
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { ...json, accept: 'application/graphql-response+json' },
      body,
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ message: expect.any(String) as string }] });
  });

  test('refuses batches', async () => {
    const { url } = await openWorld();
    const body = `[${query('{ hello }')},${query('{ hello }')}]`;
    const answer = await fetch(`${url}/graphql`, { method: 'POST', headers: json, body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ message: 'Batching is not supported.' }] });
  });

  test.each([
    ['a deep nesting', `{${'nested{'.repeat(100_000)}`],
    ['many aliases', `{${Array.from({ length: 20_000 }, (_, index) => `a${index}:hello `).join('')}}`],
    ['many directives', `{hello ${'@a'.repeat(20_000)}}`],
  ])('refuses a document of too many tokens: %s', async (_what, text) => {
    const { url } = await openWorld();
    const { errors } = await gql(url, text);
    expect(errors).toMatchObject([
      { message: expect.stringContaining('2000') as string, extensions: { code: 'GRAPHQL_PARSE_FAILED' } },
    ]);
  });
});

test('refuses a document that is too deep, also by fragments, and takes introspection', async () => {
  const { url, lines } = await openWorld();
  const nested = (depth: number, end: string) => `{${'nested{'.repeat(depth)}${end}${'}'.repeat(depth)}}`;
  const deep = [
    nested(20, 'name'),
    `${nested(10, '...A')} fragment A on Nested ${nested(10, 'name')}`,
    `${nested(2, '...A')} fragment A on Nested ${nested(8, '...B')} fragment B on Nested ${nested(10, '...on Nested{name}')}`,
  ];
  for (const document of deep) {
    const { errors } = await gql(url, document);
    expect(errors).toMatchObject([{ message: 'Fields may be 20 levels deep at most.' }]);
    expect((await gql(url, document.replace('nested{', '').replace('}', ''))).errors).toBe(undefined);
  }
  const { errors } = await gql(
    url,
    '{nested{...A}} fragment A on Nested{nested{...B}} fragment B on Nested{nested{...A}}',
  );
  expect(errors).toMatchObject([
    { message: expect.stringContaining('Cannot spread fragment "A" within itself') as string },
  ]);
  const options = { inputValueDeprecation: true, schemaDescription: true, specifiedByUrl: true, oneOf: true };
  expect((await gql(url, getIntrospectionQuery(options))).errors).toBe(undefined);
  expect((await gql(url, nested(660, 'name'))).errors).toHaveLength(1);
  expect(lines.filter((line) => (line['level'] as number) >= 50)).toEqual([]);
});

describe('errors', () => {
  test('hide unexpected errors, which are logged in full', async () => {
    const { url, lines } = await openWorld();
    const answer = await gql(url, 'query Boom { hello boom }');
    expect(answer).toEqual({
      data: { hello: 'hello world', boom: null },
      errors: [
        {
          message: 'Unexpected error.',
          path: ['boom'],
          locations: [{ line: 1, column: 20 }],
          extensions: { code: 'INTERNAL_SERVER_ERROR' },
        },
      ],
    });
    const logged = lines.filter((line) => line['level'] === 50);
    expect(logged).toMatchObject([
      { path: 'boom', err: { message: 'the password is hunter2', stack: expect.any(String) as string } },
    ]);
    await vi.waitFor(() =>
      expect(lines).toContainEqual(
        expect.objectContaining({ level: 40, operation: 'Boom', codes: ['INTERNAL_SERVER_ERROR'] }),
      ),
    );
  });

  test('over server-sent events, of a refusal, of a slow subscriber and of neither', async () => {
    const { url } = await openWorld();
    const all = async (text: string) => {
      const seen = [];
      for await (const answer of sse(url, text)) seen.push(answer);
      return seen;
    };
    expect(await all('subscription { missing }')).toMatchObject([
      { errors: [{ message: 'There is no such job.', extensions: { code: 'NOT_FOUND' } }] },
    ]);
    expect(await all('subscription { boomAfter(values: 1) }')).toMatchObject([
      { data: { boomAfter: 1 } },
      { errors: [{ message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] },
    ]);
    expect(await all('subscription { tooSlow }')).toMatchObject([
      { data: { tooSlow: 1 } },
      { errors: [{ extensions: { code: 'SUBSCRIBER_TOO_SLOW' } }] },
    ]);
  });

  test('of a context: 500 when it throws, 403 when there is none', async () => {
    const throwing = await openWorld({
      createContext: () => {
        throw new Error('the password is hunter2');
      },
    });
    const post = (url: string) => fetch(`${url}/graphql`, { method: 'POST', headers: json, body: query('{ hello }') });
    const failed = await post(throwing.url);
    expect([failed.status, await failed.text()]).toEqual([
      500,
      '{"errors":[{"message":"Unexpected error.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}',
    ]);
    const refusing = await openWorld({ createContext: () => null });
    expect((await post(refusing.url)).status).toBe(403);
  });
});

describe('the log', () => {
  test('has one line a request, with its operation and without its variables', async () => {
    const { url, lines } = await openWorld();
    await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({
        query: 'query Greet($name: String) { hello(name: $name) }',
        operationName: 'Greet',
        variables: { name: 'secret' },
      }),
    });
    await fetch(`${url}/nothing?token=secret`);
    const requests = () => lines.filter((line) => line['msg'] === 'request');
    await vi.waitFor(() => expect(requests()).toHaveLength(2));
    expect(requests()).toMatchObject([
      {
        level: 20,
        method: 'POST',
        path: '/graphql',
        status: 200,
        operation: 'Greet',
        ms: expect.any(Number) as number,
      },
      { level: 40, method: 'GET', path: '/nothing', status: 404 },
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});

describe('what a browser may be talked into', () => {
  const post = (url: string, headers: Record<string, string>, body: BodyInit = query('{ hello }')) =>
    fetch(`${url}/graphql`, { method: 'POST', headers, body });
  const form = (text: string) => {
    const data = new FormData();
    data.set('operations', query(text));
    data.set('map', '{}');
    return data;
  };

  test('a form of another site is refused before it is read, one without an origin is no browser’s', async () => {
    const { url } = await openWorld();
    expect((await post(url, { origin: 'https://evil.example' }, form('mutation { count }'))).status).toBe(403);
    expect((await post(url, { 'sec-fetch-site': 'cross-site' }, form('mutation { count }'))).status).toBe(403);
    expect((await post(url, { 'sec-fetch-site': 'same-site' }, form('mutation { count }'))).status).toBe(403);
    expect((await post(url, { origin: 'null' }, form('mutation { count }'))).status).toBe(403);
    expect(await (await post(url, { origin: url }, form('mutation { count }'))).json()).toEqual({ data: { count: 1 } });
    expect(await (await post(url, {}, form('mutation { count }'))).json()).toEqual({ data: { count: 2 } });
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', ''])('a POST as %j is not taken', async (type) => {
    const { url } = await openWorld();
    const body = type.startsWith('application/x') ? 'query=mutation{count}' : query('mutation { count }');
    const answer = await post(url, type === '' ? {} : { 'content-type': type }, new Blob([body]));
    expect(answer.status).toBe(415);
    expect(await gql(url, 'mutation { count }')).toEqual({ data: { count: 1 } });
  });

  test('no other origin gets a header that allows it to read', async () => {
    const { url } = await openWorld();
    const preflight = await fetch(`${url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    const refused = await post(url, { ...json, origin: 'https://evil.example' });
    const own = await post(url, { ...json, origin: url });
    for (const answer of [preflight, refused, own]) {
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    expect([preflight.status, refused.status, own.status]).toEqual([403, 403, 200]);
  });

  test('a name that is not ours is not answered to, on loopback', async () => {
    const { url } = await openWorld({ publicUrl: new URL('https://likeness.example') });
    const status = (host: string) =>
      new Promise((resolve, reject) => {
        httpRequest(`${url}/graphql?query={hello}`, { headers: { host } }, (answer) =>
          resolve(answer.resume().statusCode),
        )
          .on('error', reject)
          .end();
      });
    expect(await status('rebound.evil.example:4000')).toBe(421);
    expect(await status('not a host')).toBe(421);
    for (const host of ['localhost:4000', '127.0.0.1', '[::1]:4000', 'app.localhost', 'likeness.example']) {
      expect(await status(host)).toBe(200);
    }
  });
});

describe('limits', () => {
  test('a body over the limit is refused by its content-length, and at the byte that passes it', async () => {
    const { url } = await openWorld();
    const head = 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const declared = converse(url, `${head}Content-Length: 1048577\r\n\r\n`);
    await vi.waitFor(() => expect(declared.answer()).toMatch(/^HTTP\/1.1 413 /));
    const streamed = converse(url, `${head}Transfer-Encoding: chunked\r\n\r\n`);
    streamed.send(`100001\r\n${'x'.repeat(0x100001)}\r\n`);
    await vi.waitFor(() => expect(streamed.answer()).toMatch(/^HTTP\/1.1 413 /));
    await Promise.all([declared.closed, streamed.closed]);
    const just = JSON.stringify({ query: '{ hello }', variables: { pad: '' } });
    const whole = just.replace('""', `"${'x'.repeat(1_048_576 - just.length)}"`);
    expect((await fetch(`${url}/graphql`, { method: 'POST', headers: json, body: whole })).status).toBe(200);
    expect((await fetch(`${url}/graphql`, { method: 'POST', headers: json, body: `${whole} ` })).status).toBe(413);
  });

  test('a body is taken as it is, never unpacked', async () => {
    const { url } = await openWorld();
    const headers = { ...json, 'content-encoding': 'gzip' };
    expect((await fetch(`${url}/graphql`, { method: 'POST', headers, body: query('{ hello }') })).status).toBe(415);
  });

  test.each([
    ['nothing', ''],
    ['half a header', 'GET /health HTTP/1.1\r\nHost: loc'],
    ['headers that never end', 'GET /health HTTP/1.1\r\nX: 1\r\n'],
    [
      'half a body',
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    ],
  ])('a connection that sends %s is closed', async (_what, text) => {
    const { url } = await openWorld({ limits: { headersTimeoutMs: 300, stallTimeoutMs: 300, requestTimeoutMs: 300 } });
    const { closed, answer } = converse(url, text);
    await closed;
    expect(answer()).not.toContain('200 OK');
  });

  test('a connection that drips its body is closed when its time is up', async () => {
    const { url } = await openWorld({ limits: { requestTimeoutMs: 300 } });
    const head = 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const { closed, answer, send } = converse(url, `${head}Content-Length: 100000\r\n\r\n`);
    const dripping = setInterval(() => send(' '), 20);
    await closed;
    clearInterval(dripping);
    expect(answer()).toBe('');
  });

  test('a request that takes its time is waited for, and a connection between requests is kept', async () => {
    const { url, gate } = await openWorld({ limits: { stallTimeoutMs: 200, keepAliveTimeoutMs: 30_000 } });
    let open: () => void = () => undefined;
    gate.open = new Promise((resolve) => {
      open = resolve;
    });
    const get = 'GET /graphql?query={wait} HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const { answer, send, leave } = converse(url, get);
    await vi.waitFor(() => expect(gate.waiting).toBe(1));
    const lettingGo = setTimeout(open, 600);
    await vi.waitFor(() => expect(answer()).toContain('waited'));
    clearTimeout(lettingGo);
    send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(answer()).toContain('{"status":"ok"}'));
    leave();
  });

  test('there are only so many connections', async () => {
    const { url } = await openWorld({ limits: { connections: 2 } });
    const get = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const kept = [converse(url, get), converse(url, get)];
    await vi.waitFor(() => kept.forEach(({ answer }) => expect(answer()).toContain('200 OK')));
    const third = converse(url, get);
    await third.closed;
    expect(third.answer()).toBe('');
    kept.forEach(({ leave }) => leave());
  });
});

describe('the other paths', () => {
  test('/health and /ready', async () => {
    let state: 'up' | 'down' | 'broken' | 'silent' = 'up';
    const { url, lines } = await openWorld({
      health: {
        async database() {
          if (state === 'broken') throw new Error('no');
          if (state === 'silent') await new Promise(() => undefined);
          return state === 'up' || 'does not answer';
        },
        storage: async () => true,
      },
    });
    const ready = async () => {
      const answer = await fetch(`${url}/ready`);
      return [answer.status, await answer.json()];
    };
    // The other part says how it is in any case.
    const said = (isReady: boolean, database: true | string) => [
      isReady ? 200 : 503,
      { ready: isReady, parts: { database, storage: true }, note: expect.stringMatching(/fal .* is no condition/) },
    ];
    expect(await ready()).toEqual(said(true, true));
    state = 'down';
    expect(await ready()).toEqual(said(false, 'does not answer'));
    state = 'broken';
    expect(await ready()).toEqual(said(false, 'failed'));
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 50, part: 'database', msg: 'a health check failed' }),
    );
    state = 'silent';
    expect(await ready()).toEqual(said(false, 'does not answer'));
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test('/files/* is the hook’s: texts, streams, HEAD, and what breaks off', async () => {
    const streams: Readable[] = [];
    const { url } = await openWorld({
      serveFile: async ({ method, url: { pathname, searchParams }, headers }) => {
        const name = `${method} ${pathname} ${searchParams.get('width')} ${headers['if-none-match']}`;
        if (pathname.endsWith('text'))
          return { status: 200, headers: { 'content-type': 'text/x' }, body: Buffer.from(name) };
        if (pathname.endsWith('none')) return { status: 304, headers: {}, body: null };
        if (pathname.endsWith('throw')) throw new Error('the password is hunter2');
        const stream = Readable.from(
          (function* () {
            yield Buffer.from('begun');
            if (pathname.endsWith('broken')) throw new Error('disk');
          })(),
        );
        streams.push(stream);
        return { status: 200, headers: {}, body: stream };
      },
    });
    const text = await fetch(`${url}/files/a/text?width=5`, { headers: { 'if-none-match': 'x' } });
    expect([await text.text(), text.headers.get('x-content-type-options')]).toEqual([
      'GET /files/a/text 5 x',
      'nosniff',
    ]);
    expect((await fetch(`${url}/files/none`)).status).toBe(304);
    expect(await (await fetch(`${url}/files/stream`)).text()).toBe('begun');
    expect(await (await fetch(`${url}/files/stream`, { method: 'HEAD' })).text()).toBe('');
    expect(await (await fetch(`${url}/files/text`, { method: 'HEAD' })).text()).toBe('');
    await expect(fetch(`${url}/files/broken`).then((answer) => answer.text())).rejects.toThrow('terminated');
    const thrown = await fetch(`${url}/files/throw`);
    expect([thrown.status, await thrown.text()]).toEqual([500, expect.not.stringContaining('hunter2') as string]);
    expect(await (await fetch(`${url}/files/text`, { method: 'POST' })).text()).toContain('POST');
    expect(streams.map((stream) => stream.destroyed)).toEqual([true, true, true]);
  });

  test.each([
    '/',
    '/nothing',
    '/files/x',
    '/webhooks/fal',
    '/graphql/x',
    '//',
    '/..%2f',
  ])('%s is 404, as JSON', async (path) => {
    const { url } = await openWorld();
    const answer = await fetch(url + path, { headers: { accept: 'application/json' } });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    expect((await fetch(url + path, { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(404);
  });

  test('a request target that is no path is refused', async () => {
    const { url } = await openWorld();
    for (const target of ['http://evil.example/graphql', '*', 'graphql']) {
      const { answer, leave } = converse(url, `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await vi.waitFor(() => expect(answer()).toMatch(/^HTTP\/1.1 40[04] /));
      leave();
    }
  });
});

test('a port that is taken is said so', async () => {
  const { url, uploadsFolder } = await openWorld();
  const options = { ...(await openWorld()).options, port: Number(new URL(url).port), uploadsFolder };
  await expect(createServer(options).listen()).rejects.toThrow('EADDRINUSE');
});
