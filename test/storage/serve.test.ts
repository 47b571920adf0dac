/** Files as a browser gets them: over HTTP from a running server, by the signed URLs of the API. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { encodeGlobalID } from '@pothos/plugin-relay';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { upload } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';
import { photoPath } from '../support/photos.ts';

const original = readFileSync(photoPath('good/12-gps.jpg'));
const addPhotos = `mutation ($input: AddPhotosInput!) { addPhotos(input: $input) {
  ... on AddPhotosPayload { verdicts { message photo { id url small: url(width: 100) } } } ... on Error { message } } }`;

let likeness: TestLikeness;
let photoId: string;
let url: string;
let small: string;

beforeAll(async () => {
  likeness = await startLikeness({ manual: true });
  const avatar = await likeness.app.prisma.avatar.create({
    data: { ownerId: localViewer.id, kind: 'PORTRAIT', name: 'Ada', triggerPhrase: 'TOK_1' },
  });
  const { data } = await upload<{
    addPhotos: { verdicts: { photo: { id: string; url: string; small: string } }[] };
  }>(likeness.url, addPhotos, { input: { avatarId: encodeGlobalID('PortraitAvatar', avatar.id), files: [null] } }, [
    { path: 'variables.input.files.0', name: "me & you's é.jpeg", content: original },
  ]);
  const photo = data?.addPhotos.verdicts[0]?.photo;
  if (!photo) throw new Error(JSON.stringify(data));
  ({ id: photoId, url, small } = photo);
});
afterAll(() => likeness.close());

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('an original', () => {
  test('is the uploaded file, with safe headers, cacheable until its URL expires', async () => {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect((await bytesOf(response)).equals(original)).toBe(true);
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      'content-type': 'image/jpeg',
      'content-length': String(original.length),
      'content-disposition': `inline; filename="me _ you_s _.jpg"; filename*=UTF-8''me%20%26%20you%27s%20%C3%A9.jpg`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'cross-origin',
      'accept-ranges': 'bytes',
    });
    const [, maxAge] = /^private, max-age=(\d+), immutable$/.exec(headers['cache-control'] ?? '') ?? [];
    expect(Number(maxAge)).toBeGreaterThan(54 * 60);
    expect(Number(maxAge)).toBeLessThanOrEqual(60 * 60);
  });

  test('gets 304 for a matching ETag, and no body for HEAD', async () => {
    const etag = (await fetch(url)).headers.get('etag') ?? '';
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const response = await fetch(url, { headers: { 'if-none-match': known } });
      expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([304, etag, '']);
    }
    expect((await fetch(url, { headers: { 'if-none-match': '"x"' } })).status).toBe(200);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(original.length)]);
  });

  test('supports range requests', async () => {
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${original.length}`]);
    expect((await bytesOf(part)).equals(original.subarray(10, 20))).toBe(true);
    const none = await fetch(url, { headers: { range: 'bytes=999999999-' } });
    expect([none.status, none.headers.get('content-range')]).toEqual([416, `bytes */${original.length}`]);
    await none.text();
    const etag = part.headers.get('etag') ?? '';
    const conditional = (ifRange: string) => fetch(url, { headers: { range: 'bytes=0-0', 'if-range': ifRange } });
    expect((await bytesOf(await conditional(etag))).length).toBe(1);
    expect((await bytesOf(await conditional('"x"'))).length).toBe(original.length);
  });
});

describe('a rendition', () => {
  test('is smaller, complete, without metadata, and has its own ETag', async () => {
    const response = await fetch(small, { headers: { range: 'bytes=0-9' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('accept-ranges')).toBe('none');
    const bytes = await bytesOf(response);
    expect(response.headers.get('content-length')).toBe(String(bytes.length));
    const metadata = await sharp(bytes).metadata();
    expect(metadata).toMatchObject({ format: 'jpeg', width: 100 });
    expect(metadata).not.toHaveProperty('exif');
    expect(response.headers.get('etag')).not.toBe((await fetch(url, { method: 'HEAD' })).headers.get('etag'));
  });

  test('has the name and type of its format', async () => {
    const path = new URL(url).pathname;
    const response = await fetch(likeness.app.urls.sign(path, { format: 'WEBP', quality: '50' }));
    expect(response.headers.get('content-type')).toBe('image/webp');
    expect(response.headers.get('content-disposition')).toContain('filename="me _ you_s _.webp"');
    await response.body?.cancel();
  });

  test.each([{ height: '64' }, { width: '5' }, { format: 'GIF' }])('%j is rejected', async (parameters) => {
    const response = await fetch(likeness.app.urls.sign(new URL(url).pathname, parameters));
    expect([response.status, Object.keys((await response.json()) as object)]).toEqual([400, ['error']]);
  });
});

describe('nothing is served', () => {
  const status = async (to: URL | string) => {
    const response = await fetch(to);
    const text = await response.text();
    expect(text.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(text)).toHaveProperty('error');
    expect(response.headers.get('cache-control')).toBe('no-store');
    return response.status;
  };

  test('for a URL that was changed or has no signature', async () => {
    const changed = new URL(url);
    changed.searchParams.set('width', '64');
    expect(await status(changed)).toBe(403);
    expect(await status(`${likeness.url}${changed.pathname}`)).toBe(403);
  });

  test('for a URL that has expired', async () => {
    const { openSignedUrls } = await import('../../src/storage/signed-urls.ts');
    const past = await openSignedUrls({
      prisma: likeness.app.prisma,
      baseUrl: () => likeness.url,
      now: () => new Date(Date.now() - 61 * 60_000),
    });
    expect(await status(past.sign(new URL(url).pathname))).toBe(403);
  });

  test.each(['/files/photos/x', '/files/secrets/x', '/files/photos/..%2F..%2Fetc%2Fpasswd'])('at %s', async (path) => {
    expect(await status(likeness.app.urls.sign(path))).toBe(404);
  });

  test('for a photo or an image that does not exist', async () => {
    const id = '00000000-0000-4000-8000-000000000000';
    expect(await status(likeness.app.urls.sign(`/files/photos/${id}`))).toBe(404);
    expect(await status(likeness.app.urls.sign(`/files/images/${id}`))).toBe(404);
  });

  test('for a method that does not read', async () => {
    const response = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(url, { method: 'DELETE' }, (answer) => resolve(answer.resume().statusCode));
      sent.on('error', reject).end();
    });
    expect(response).toBe(405);
  });

  // Last, because it removes the photo.
  test('for a photo that was removed', async () => {
    const { errors } = await likeness.gql('mutation ($id: ID!) { removePhoto(photoId: $id) { __typename } }', {
      id: photoId,
    });
    expect(errors).toBeUndefined();
    expect(await status(url)).toBe(404);
    expect(await status(small)).toBe(404);
  });
});
