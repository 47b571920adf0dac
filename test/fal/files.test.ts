import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Adapter, key, openAdapter, rejection } from '../support/adapter.ts';
import { type Act, hang, hangMidBody, json, reset, text, write } from '../support/scripted-fal.ts';

let adapter: Adapter;
beforeEach(async () => {
  adapter = await openAdapter({ timeouts: { readMs: 300, uploadMs: 2000, downloadIdleMs: 300 } });
});
afterEach(async () => adapter.close());

describe('an upload', () => {
  const initiate = 'POST /storage/upload/initiate' as const;
  const put = 'PUT /put/a.zip' as const;
  const fileUrl = 'https://v3.fal.media/files/b/a.zip';
  const archive = new Blob(['PK archive'], { type: 'application/zip' });
  const urls = () => ({ upload_url: `${adapter.server.url}/put/a.zip?signed=1`, file_url: fileUrl });
  const upload = async (signal?: AbortSignal) =>
    adapter.fal.upload(archive, { fileName: 'a.zip', ...(signal && { signal }) });

  it('makes two requests, and only the first carries the key', async () => {
    adapter.server.script(initiate, json(200, urls()));
    adapter.server.script(put, text(200, ''));
    expect(await upload()).toBe(fileUrl);
    const [first, second] = adapter.server.seen;
    expect(JSON.parse(String(first?.body))).toEqual({ content_type: 'application/zip', file_name: 'a.zip' });
    expect(first?.headers).toMatchObject({ authorization: `Key ${key}`, 'x-fal-sim-host': 'rest.fal.ai' });
    expect(String(second?.body)).toBe('PK archive');
    expect(second?.headers).toMatchObject({ 'content-type': 'application/zip', 'content-length': '10' });
    expect(second?.headers.authorization).toBeUndefined();
  });

  it('of more than 90 MiB is sent in parts, and a part that fails is sent again', async () => {
    const bytes = Buffer.alloc(91 * 1024 * 1024, 'likeness');
    adapter.server.script('POST /storage/upload/initiate-multipart', json(200, urls()));
    for (let part = 1; part <= 10; part += 1) {
      const etag: Act = json(200, { partNumber: part, etag: `"${part}"` });
      adapter.server.script(`PUT /put/a.zip/${part}`, ...(part === 3 ? [reset, json(503, {}), etag] : [etag]));
    }
    adapter.server.script('POST /put/a.zip/complete', text(200, ''));
    expect(await adapter.fal.upload(new Blob([bytes]), { fileName: 'a.zip' })).toBe(fileUrl);

    const parts = adapter.server.seen.filter(({ path }) => /\/\d+$/.test(path));
    expect(parts).toHaveLength(12);
    const lastBodies = new Map(parts.map(({ path, body }) => [path, body]));
    expect(sha256(Buffer.concat([...lastBodies.values()]))).toBe(sha256(bytes));
    const complete = JSON.parse(String(adapter.server.seen.at(-1)?.body)) as { parts: unknown[] };
    expect(complete.parts).toHaveLength(10);
    expect(complete.parts[9]).toEqual({ partNumber: 10, etag: '"10"' });
  });

  it.each<[string, Act, object]>([
    ['401', json(401, {}), { code: 'FAL_UNAUTHORIZED', transient: false }],
    [
      'an empty account',
      json(403, { detail: 'Exhausted balance' }),
      { code: 'FAL_BALANCE_EXHAUSTED', transient: false },
    ],
    ['429', json(429, {}, { 'retry-after': '5' }), { code: 'RATE_LIMITED', transient: true, retryAfterMs: 5000 }],
    ['502', text(502, ''), { code: 'FAL_UNAVAILABLE', transient: true }],
    ['reset', reset, { code: 'FAL_UNAVAILABLE', transient: true }],
    ['no answer', hang, { code: 'FAL_UNAVAILABLE', transient: true }],
    ['HTML', text(200, '<html>'), { code: 'FAL_UNAVAILABLE', transient: true }],
    [
      'broken JSON',
      text(200, '{', { 'content-type': 'application/json' }),
      { code: 'FAL_UNAVAILABLE', transient: true },
    ],
    ['no URLs', json(200, {}), { code: 'FAL_UNAVAILABLE', transient: true }],
  ])('that cannot begin fails after one request: %s', async (_name, act, expected) => {
    adapter.server.script(initiate, act);
    expect(await rejection(upload())).toMatchObject({ name: 'FalError', ...expected });
    expect(adapter.server.seen).toHaveLength(1);
  });

  it.each<[string, Act, object]>([
    ['403 of an expired URL', text(403, ''), { code: 'FAL_UNAVAILABLE', transient: true }],
    ['413', text(413, ''), { code: 'INVALID_INPUT', transient: false }],
    ['reset', reset, { code: 'FAL_UNAVAILABLE', transient: true }],
  ])('fails if its bytes are rejected: %s', async (_name, act, expected) => {
    adapter.server.script(initiate, json(200, urls()));
    adapter.server.script(put, act);
    expect(await rejection(upload())).toMatchObject({ name: 'FalError', ...expected });
  });

  it('in parts reports why it failed, and does not repeat a permanent rejection', async () => {
    const large = new Blob([new Uint8Array(91 * 1024 * 1024)]);
    adapter.server.always('POST /storage/upload/initiate-multipart', json(200, urls()));
    adapter.server.script(
      'PUT /put/a.zip/1',
      json(503, {}, { 'retry-after': '9' }),
      reset,
      json(503, {}, { 'retry-after': '9' }),
      text(413, ''),
    );
    const again = { code: 'FAL_UNAVAILABLE', transient: true, retryAfterMs: 9000 };
    expect(await rejection(adapter.fal.upload(large, { fileName: 'a.zip' }))).toMatchObject(again);
    expect(await rejection(adapter.fal.upload(large, { fileName: 'a.zip' }))).toMatchObject({ code: 'INVALID_INPUT' });
    expect(adapter.server.at('PUT /put/a.zip/1')).toHaveLength(4);
  });

  it('without a URL at its end fails', async () => {
    adapter.server.script(initiate, json(200, { ...urls(), file_url: null }));
    adapter.server.script(put, text(200, ''));
    expect(await rejection(upload())).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: true });
  });

  it('stops when its caller aborts', async () => {
    adapter.server.script(initiate, json(200, urls()));
    adapter.server.script(put, hang);
    const leaving = new AbortController();
    const uploading = rejection(upload(leaving.signal));
    const { closed } = await adapter.server.nth(put, 1);
    const reason = new Error('left');
    leaving.abort(reason);
    expect(await uploading).toBe(reason);
    await closed;
  });
});

describe('a download', () => {
  const route = 'GET /files/b/x.png' as const;
  const url = 'https://v3.fal.media/files/b/x.png';
  const download = async (from = url, maxBytes = 1000, signal?: AbortSignal) =>
    adapter.fal.download(from, { maxBytes, ...(signal && { signal }) });
  const read = async (from?: string, maxBytes?: number) => buffer(await download(from, maxBytes));

  it('returns the bytes, and sends no key', async () => {
    adapter.server.script(route, text(200, 'picture'));
    expect(String(await read())).toBe('picture');
    const [seen] = adapter.server.seen;
    expect(seen?.headers['x-fal-sim-host']).toBe('v3.fal.media');
    expect(seen?.headers.authorization).toBeUndefined();
  });

  it('accepts the origin that replaces fal', async () => {
    adapter.server.script(route, text(200, 'picture'));
    expect(String(await read(`${adapter.server.url}/files/b/x.png`))).toBe('picture');
  });

  it.each([
    'http://v3.fal.media/files/b/x.png',
    'https://fal.media.evil.example/x.png',
    'https://evilfal.media/x.png',
    'https://user@v3.fal.media/x.png',
    'https://v3.fal.media:8443/x.png',
    'https://storage.googleapis.com/somebody/x.safetensors',
    'http://127.0.0.1:1/x.png',
    'http://169.254.169.254/latest/meta-data',
    'file:///etc/passwd',
    'data:image/png;base64,AAAA',
    'x.png',
    '',
  ])('rejects %j without a request', async (from) => {
    expect(await rejection(download(from))).toMatchObject({ code: 'RESULT_LOST', transient: false });
    expect(adapter.server.seen).toEqual([]);
  });

  it('follows up to three redirects among the hosts of fal', async () => {
    adapter.server.script('GET /a', text(302, '', { location: '/files/b/x.png' }));
    adapter.server.script(route, text(307, '', { location: 'https://v3b.fal.media/files/b/y.png' }));
    adapter.server.script('GET /files/b/y.png', text(200, 'picture'));
    expect(String(await read('https://fal.media/a'))).toBe('picture');
    adapter.server.always('GET /loop', text(302, '', { location: '/loop' }));
    expect(await rejection(download('https://fal.media/loop'))).toMatchObject({
      code: 'RESULT_LOST',
      transient: false,
    });
    expect(adapter.server.at('GET /loop')).toHaveLength(4);
  });

  it('follows no redirect to another host', async () => {
    adapter.server.script(route, text(302, '', { location: 'http://127.0.0.1:1/secret' }));
    expect(await rejection(download())).toMatchObject({ code: 'RESULT_LOST', transient: false });
  });

  it.each<[string, Act, object]>([
    ['404', text(404, ''), { code: 'RESULT_LOST', transient: false, status: 404 }],
    ['410', text(410, ''), { code: 'RESULT_LOST', transient: false, status: 410 }],
    ['403', text(403, ''), { code: 'RESULT_LOST', transient: false }],
    ['204', text(204, ''), { code: 'RESULT_LOST', transient: false }],
    ['429', text(429, ''), { code: 'FAL_UNAVAILABLE', transient: true }],
    ['503', text(503, ''), { code: 'FAL_UNAVAILABLE', transient: true }],
    ['reset', reset, { code: 'FAL_UNAVAILABLE', transient: true }],
    ['no answer', hang, { code: 'FAL_UNAVAILABLE', transient: true }],
    ['larger than allowed', text(200, 'x'.repeat(1001), { 'content-length': '1001' }), { code: 'RESULT_LOST' }],
  ])('fails at once: %s', async (_name, act, expected) => {
    adapter.server.script(route, act);
    expect(await rejection(download())).toMatchObject({ name: 'FalError', ...expected });
    await adapter.server.seen[0]?.closed;
  });

  const partial =
    (headers: Record<string, string>, end: (response: Parameters<Act>[0]) => unknown): Act =>
    async (response) => {
      response.writeHead(200, headers);
      await write(response, 'half');
      end(response);
    };
  it.each<[string, Act, object]>([
    [
      'reset',
      partial({ 'content-length': '100' }, ({ socket }) => socket?.resetAndDestroy()),
      { code: 'FAL_UNAVAILABLE', transient: true },
    ],
    [
      'shorter than its length',
      partial({ 'content-length': '100' }, ({ socket }) => socket?.end()),
      { code: 'FAL_UNAVAILABLE', transient: true },
    ],
    ['cut between chunks', partial({}, ({ socket }) => socket?.end()), { code: 'FAL_UNAVAILABLE', transient: true }],
    ['silent', hangMidBody, { code: 'FAL_UNAVAILABLE', transient: true }],
    [
      'larger than allowed',
      partial({}, (response) => response.end('x'.repeat(1000))),
      { code: 'RESULT_LOST', transient: false },
    ],
  ])('fails in the middle: %s', async (_name, act, expected) => {
    adapter.server.script(route, act);
    expect(await rejection(read())).toMatchObject({ name: 'FalError', ...expected });
    await adapter.server.seen[0]?.closed;
  });

  it('that breaks before it is read fails only for its reader', async () => {
    adapter.server.script(
      route,
      partial({ 'content-length': '100' }, ({ socket }) => socket?.resetAndDestroy()),
    );
    const file = await download();
    await expect.poll(() => file.errored).not.toBeNull();
    expect(await rejection(buffer(file))).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: true });
  });

  it('does not time out while its reader is slow, but when fal is silent after that', async () => {
    // Two reads of the socket: the first passes through, the second waits in the body, and no bytes remain in the socket.
    const [sentBytes, idleMs] = [120_000, 100];
    const patient = await openAdapter({ baseUrl: adapter.server.url, timeouts: { downloadIdleMs: idleMs } });
    adapter.server.script(route, async (response) => {
      response.writeHead(200, { 'content-length': `${sentBytes + 1}` });
      await write(response, 'x'.repeat(sentBytes));
    });
    const file = await patient.fal.download(url, { maxBytes: 1_000_000 });
    await new Promise((resolve) => setTimeout(resolve, 3 * idleMs));
    expect(file.destroyed).toBe(false);
    expect(await rejection(buffer(file))).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: true });
    await patient.close();
  });

  it('of exactly the maximum size is complete', async () => {
    adapter.server.script(route, text(200, 'x'.repeat(1000)));
    expect(await read()).toHaveLength(1000);
  });

  it('closes its connection when its reader destroys the stream or aborts the signal', async () => {
    adapter.server.always(
      route,
      partial({}, () => undefined),
    );
    const patient = await openAdapter({ baseUrl: adapter.server.url });
    const first = await patient.fal.download(url, { maxBytes: 1000 });
    first.destroy();
    await adapter.server.seen[0]?.closed;

    const leaving = new AbortController();
    const second = await patient.fal.download(url, { maxBytes: 1000, signal: leaving.signal });
    leaving.abort();
    expect(await rejection(buffer(second))).toBeInstanceOf(Error);
    await adapter.server.seen[1]?.closed;
    await patient.close();
  });
});

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
