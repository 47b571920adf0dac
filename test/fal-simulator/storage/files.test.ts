import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../src/fal-simulator/clock.ts';
import { call, simulate } from '../../support/simulator.ts';

const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
const file = (name = 'a.bin') => new File([bytes], name, { type: 'image/png' });

describe('a small upload', () => {
  it('can be downloaded unchanged, without a key', async () => {
    const { fal } = await simulate();
    const url = await fal.storage.upload(file());
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('content-length')).toBe('1000');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '1000', '']);
  });

  it.each([
    ['bytes=0-9', 206, 'bytes 0-9/1000', bytes.subarray(0, 10)],
    ['bytes=990-', 206, 'bytes 990-999/1000', bytes.subarray(990)],
    ['bytes=-5', 206, 'bytes 995-999/1000', bytes.subarray(995)],
    ['bytes=900-5000', 206, 'bytes 900-999/1000', bytes.subarray(900)],
    ['bytes=1000-', 416, 'bytes */1000', Buffer.alloc(0)],
    ['bytes=0-1,4-5', 200, null, bytes],
  ])('gives the range %s', async (range, status, contentRange, expected) => {
    const { fal } = await simulate();
    const response = await fetch(await fal.storage.upload(file()), { headers: { range } });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-range')).toBe(contentRange);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(expected);
  });

  it('makes any file name safe', async () => {
    const { fal } = await simulate();
    const url = await fal.storage.upload(file('../../äöü /?#%.zip'));
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/files\/b\/[0-9a-f]{8}\/[0-9a-f-]{36}_[\w.-]+$/);
    expect((await fetch(url)).status).toBe(200);
  });

  it('accepts bytes only at a URL that it has issued, and once', async () => {
    const { simulator } = await simulate();
    const body = { content_type: 'text/plain', file_name: 'a.txt' };
    const { upload_url, file_url } = (await call(simulator, 'POST', '/storage/upload/initiate', { body })).body;
    expect((await fetch(file_url)).status).toBe(404);
    expect((await fetch(upload_url, { method: 'PUT', body: 'one' })).status).toBe(200);
    expect((await fetch(upload_url, { method: 'PUT', body: 'two' })).status).toBe(404);
    expect(await (await fetch(file_url)).text()).toBe('one');
    expect((await fetch(file_url, { method: 'PUT', body: 'two' })).status).toBe(404);
    expect(await call(simulator, 'POST', '/storage/upload/initiate', { body: {} })).toMatchObject({ status: 422 });
    expect(await call(simulator, 'POST', '/storage/other', { body: {} })).toMatchObject({ status: 404 });
  });

  it('is kept for seven days, or for the requested time', async () => {
    const clock = manualClock();
    const { fal } = await simulate({ clock });
    const defaultLifetime = await fal.storage.upload(file());
    const shortLifetime = await fal.storage.upload(file(), { lifecycle: { expiresIn: '1h' } });
    const status = async (url: string) => (await fetch(url)).status;
    clock.advance(60 * 60_000);
    expect([await status(defaultLifetime), await status(shortLifetime)]).toEqual([200, 404]);
    clock.advance(7 * 24 * 60 * 60_000);
    expect(await status(defaultLifetime)).toBe(404);
  });
});

describe('a large upload', () => {
  it('is uploaded in parts and downloaded whole', async () => {
    const { fal, simulator } = await simulate();
    const path = join(tmpdir(), `large-${process.pid}.bin`);
    const size = 91 * 2 ** 20;
    const sparse = await open(path, 'w');
    await sparse.write(Buffer.from('first'), 0, 5, 0);
    await sparse.write(Buffer.from('last'), 0, 4, size - 4);
    await sparse.close();
    try {
      const url = await fal.storage.upload(await openAsBlob(path, { type: 'application/zip' }));
      const { body, headers } = await fetch(url);
      expect(headers.get('content-length')).toBe(String(size));
      const hash = createHash('sha256');
      for await (const chunk of body ?? []) hash.update(chunk as Uint8Array);
      const expected = createHash('sha256').update(await buffer((await openAsBlob(path)).stream()));
      expect(hash.digest('hex')).toBe(expected.digest('hex'));
    } finally {
      await rm(path);
    }
    const parts = simulator.record.calls().filter(({ method }) => method === 'PUT');
    expect(parts).toHaveLength(10);
  });

  it('is rejected if the listed parts are not the received ones', async () => {
    const { simulator } = await simulate();
    const body = { content_type: 'text/plain', file_name: 'a.txt' };
    const initiated = await call(simulator, 'POST', '/storage/upload/initiate-multipart', { body });
    const path = new URL(initiated.body.upload_url).pathname;
    const one = await call(simulator, 'PUT', `${path}/1`, { body: 'one' });
    expect(one.body).toEqual({ partNumber: 1, etag: expect.any(String) });
    const complete = (parts: object[]) => call(simulator, 'POST', `${path}/complete`, { body: { parts } });
    expect((await complete([])).status).toBe(400);
    expect((await complete([{ partNumber: 1, etag: 'other' }])).status).toBe(400);
    expect((await complete([{ partNumber: 2, etag: one.body.etag }])).status).toBe(400);
    expect((await complete([one.body])).status).toBe(200);
    expect((await complete([one.body])).status).toBe(404);
    expect(await (await fetch(initiated.body.file_url)).text()).toBe('one');
    expect((await call(simulator, 'PUT', `${path}/2`, { body: 'two' })).status).toBe(404);
  });
});
