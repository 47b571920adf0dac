import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { InvalidInputError } from '../../src/refusal/invalid-input.ts';
import { FileNotFound, fileKey } from '../../src/storage/blob-store.ts';
import { freeBytes } from '../../src/storage/disk-space.ts';
import { parseRendition, type Rendition, renditionParameters } from '../../src/storage/rendition.ts';
import { createRenditions } from '../../src/storage/renditions.ts';
import { createTemporaryFolder } from '../../src/storage/temporary-folder.ts';
import { openTestDatabase } from '../support/database.ts';
import { photoPath } from '../support/photos.ts';
import { stores, type TestStore } from '../support/stores.ts';

let database: EmbeddedDatabase;
let store: TestStore;

beforeAll(async () => {
  database = await openTestDatabase();
  // This test decodes formats that the server never reads.
  sharp.unblock({ operation: ['VipsForeignLoadHeifBuffer', 'VipsForeignLoadHeifFile'] });
});
afterAll(() => database.close());

const put = async (path: string) => (await store.files.write(createReadStream(path), { maxBytes: 20_000_000 })).hash;
const good = (name: string) => put(photoPath(`good/${name}`));

const render = async (hash: string, rendition: Rendition) =>
  await buffer(await (await store.files.render(hash, rendition)).read());

describe.each(stores)('render, in %s', (_name, openStore) => {
  beforeAll(async () => {
    store = await openStore(database.prisma);
  });
  afterAll(() => store.remove());

  test.each([
    ['JPEG', 'jpeg'],
    ['PNG', 'png'],
    ['WEBP', 'webp'],
    ['AVIF', 'heif'],
  ] as const)('%s: resized, upright, in sRGB, without metadata', async (format, read) => {
    const bytes = await render(await good('03-rotated-exif6.jpg'), { width: 300, format });
    const metadata = await sharp(bytes).metadata();
    expect(metadata).toMatchObject({ format: read, width: 300, height: 390, space: 'srgb' });
    expect(metadata).not.toHaveProperty('exif');
    expect(metadata.orientation ?? 1).toBe(1);
  });

  test('never enlarges, and turns CMYK into sRGB', async () => {
    const bytes = await render(await good('10-cmyk.jpg'), { width: 4096, format: 'JPEG' });
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 1000, height: 900, space: 'srgb', channels: 3 });
  });

  test('without a width it keeps its size; a lower quality makes it smaller', async () => {
    const hash = await good('01.jpg');
    const size = async (quality: number) => (await render(hash, { format: 'WEBP', quality })).length;
    expect(await size(20)).toBeLessThan(await size(95));
    expect(await sharp(await render(hash, { format: 'WEBP', quality: 20 })).metadata()).toMatchObject({
      width: 1200,
    });
  });

  test('draws a rendition once for three concurrent requests and a later one, and leaves nothing else', async () => {
    const hash = await good('09.jpg');
    const temporaryFolder = createTemporaryFolder(`${store.folder}/temporary`, () => freeBytes(store.folder));
    let drawn = 0;
    const blobs = {
      ...store.blobs,
      async put(path: string, key: string) {
        drawn += 1;
        await store.blobs.put(path, key);
      },
    };
    const counted = createRenditions(blobs, temporaryFolder);
    const wish: Rendition = { width: 64, format: 'PNG' };
    const files = await Promise.all([1, 2, 3].map(() => counted.render(hash, wish)));
    files.push(await counted.render(hash, wish));
    const pictures = await Promise.all(files.map(async (file) => buffer(await file.read())));
    expect(drawn).toBe(1);
    expect(new Set(pictures.map((bytes) => bytes.toString('base64'))).size).toBe(1);
    expect(store.keys().filter((key) => key.startsWith(`renditions/${hash}/`))).toEqual([
      `renditions/${hash}/64-default.png`,
    ]);
    expect(store.temporary()).toEqual([]);
  });

  test('leaves nothing of a picture that cannot be decoded, and reports a removed picture as such', async () => {
    const hash = await put(photoPath('bad/truncated.jpg'));
    await expect(store.files.render(hash, { width: 64, format: 'PNG' })).rejects.toThrow('premature end');
    expect(store.temporary()).toEqual([]);
    store.take(fileKey(hash));
    await expect(store.files.render(hash, { width: 64, format: 'PNG' })).rejects.toThrow(FileNotFound);
  });

  test('leaves no rendition of a picture that is removed while it is drawn', async () => {
    const hash = await good('08.jpg');
    const drawing = render(hash, { width: 640, format: 'AVIF' });
    await store.files.removeUnused([hash]);
    await drawing.catch(() => undefined);
    expect(store.keys().filter((key) => key.includes(hash))).toEqual([]);
  });
});

describe('parameters', () => {
  test.each([
    [{}, {}],
    [{ width: null, format: null, quality: null }, {}],
    [{ width: 16 }, { width: '16' }],
    [
      { width: 4096, format: 'AVIF', quality: 1 },
      { width: '4096', format: 'AVIF', quality: '1' },
    ],
  ] as const)('%j are written as %j', (asked, parameters) => {
    expect(renditionParameters(asked)).toEqual(parameters);
  });

  test.each([
    { width: 15 },
    { width: 4097 },
    { width: 16.5 },
    { quality: 0 },
    { quality: 101 },
  ])('%j are rejected', (parameters) => {
    expect(() => renditionParameters(parameters)).toThrow(InvalidInputError);
  });

  test.each([
    [{}, 'image/png', undefined],
    [{ width: '64' }, 'image/png', { width: 64, format: 'PNG' }],
    [{ width: '64' }, 'image/webp', { width: 64, format: 'WEBP' }],
    [{ quality: '80' }, 'image/jpeg', { quality: 80, format: 'JPEG' }],
    [{ format: 'AVIF' }, 'image/jpeg', { format: 'AVIF' }],
  ] as const)('%j of %s are read as %j', (parameters, contentType, rendition) => {
    expect(parseRendition(parameters, contentType)).toEqual(rendition);
  });

  test.each<Record<string, string>>([
    { width: '' },
    { width: '1e2' },
    { width: '-64' },
    { width: '64.0' },
    { format: 'GIF' },
    { quality: '0' },
    { height: '64' },
  ])('%j cannot be read', (parameters) => {
    expect(() => parseRendition(parameters, 'image/png')).toThrow(InvalidInputError);
  });
});
