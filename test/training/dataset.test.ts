import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fromBuffer } from 'yauzl';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { addPhotos } from '../../src/photo/commands.ts';
import { FileNotFound } from '../../src/storage/blob-store.ts';
import { packDataset } from '../../src/training/dataset.ts';
import { openTestDatabase } from '../support/database.ts';
import { openTestFiles, type TestFiles } from '../support/files.ts';
import { goodPhotos, photoPath, uploaded } from '../support/photos.ts';

let database: EmbeddedDatabase;
let store: TestFiles;
const viewer = { id: randomUUID() };
const avatarId = randomUUID();

beforeAll(async () => {
  database = await openTestDatabase();
  store = openTestFiles(database.prisma);
  await database.prisma.user.create({ data: viewer });
  await database.prisma.avatar.create({
    data: { id: avatarId, ownerId: viewer.id, kind: 'PORTRAIT', name: 'Ada', triggerPhrase: 'TOK_1' },
  });
  await addPhotos(parts(), viewer, { avatar: { id: avatarId }, files: goodPhotos() });
});
afterAll(async () => {
  store.remove();
  await database.close();
});

const parts = () => ({ prisma: database.prisma, files: store.files });
const temporary = () => readdirSync(join(store.folder, 'temporary'));

/** Names and contents, in the order of the archive. */
async function unzip(bytes: Buffer): Promise<[string, Buffer][]> {
  const entries: [string, Buffer][] = [];
  await new Promise<void>((resolve, reject) => {
    fromBuffer(bytes, { lazyEntries: true }, (error, archive) => {
      if (error) return reject(error);
      archive.on('error', reject);
      archive.on('end', resolve);
      archive.on('entry', (entry) => {
        expect(entry.getLastModDate({ timezone: 'local' })).toEqual(new Date(1980, 0, 1));
        archive.openReadStream(entry, (failure, stream) => {
          if (failure) return reject(failure);
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.on('error', reject);
          stream.on('end', () => {
            entries.push([entry.fileName, Buffer.concat(chunks)]);
            archive.readEntry();
          });
        });
      });
      archive.readEntry();
    });
  });
  return entries;
}

test('photos in their order, upright, in sRGB, without metadata; the same bytes each time', async () => {
  const dataset = await packDataset(parts(), avatarId);
  const bytes = Buffer.from(await dataset.blob.arrayBuffer());
  expect(dataset).toMatchObject({ photoCount: 12, sha256: createHash('sha256').update(bytes).digest('hex') });
  const entries = await unzip(bytes);
  expect(entries.map(([name]) => name)).toEqual(
    Array.from({ length: 12 }, (_, index) => `${String(index + 1).padStart(3, '0')}.jpg`),
  );
  const photos = await database.prisma.photo.findMany({ where: { avatarId }, orderBy: { position: 'asc' } });
  for (const [index, [, jpeg]] of entries.entries()) {
    const metadata = await sharp(jpeg).metadata();
    expect(metadata).toMatchObject({ format: 'jpeg', space: 'srgb', channels: 3, width: photos[index]?.width });
    expect(metadata.height).toBe(photos[index]?.height);
    expect(metadata).not.toHaveProperty('exif');
    expect(metadata).not.toHaveProperty('xmp');
    expect(metadata).not.toHaveProperty('orientation');
    expect(jpeg.includes('GPS') || jpeg.includes('ACME')).toBe(false);
  }
  await dataset.remove();
  const again = await packDataset(parts(), avatarId);
  expect(again.sha256).toBe(dataset.sha256);
  await again.remove();
  expect(temporary()).toEqual([]);
});

test('a photo with an EXIF rotation is packed upright', async () => {
  const dataset = await packDataset(parts(), avatarId);
  const jpeg = (await unzip(Buffer.from(await dataset.blob.arrayBuffer())))[2]?.[1] ?? Buffer.alloc(0);
  await dataset.remove();
  const pixels = (picture: ReturnType<typeof sharp>) => picture.resize(40, 52, { fit: 'fill' }).raw().toBuffer();
  const packed = await pixels(sharp(jpeg));
  const upright = await pixels(sharp(photoPath('good/03-rotated-exif6.jpg')).autoOrient());
  const difference = packed.reduce((sum, value, index) => sum + Math.abs(value - (upright[index] ?? 0)), 0);
  expect(difference / packed.length).toBeLessThan(4);
});

test('a large photo is scaled to 2048 px, a transparent one put on white', async () => {
  const id = randomUUID();
  await database.prisma.avatar.create({
    data: { id, ownerId: viewer.id, kind: 'STYLE', name: 'Ink', triggerWord: 'TOK_2' },
  });
  const path = join(store.folder, 'large.png');
  await sharp({ create: { width: 3000, height: 1500, channels: 4, background: '#00000000' } })
    .png()
    .toFile(path);
  await addPhotos(parts(), viewer, { avatar: { id }, files: [uploaded(path)] });
  const dataset = await packDataset(parts(), id);
  const jpeg = (await unzip(Buffer.from(await dataset.blob.arrayBuffer())))[0]?.[1] ?? Buffer.alloc(0);
  await dataset.remove();
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 2048, height: 1024 });
  expect([...data.subarray(0, 3)]).toEqual([255, 255, 255]);
});

test('leaves no file when the signal aborts or a photo is missing', async () => {
  await expect(packDataset(parts(), avatarId, AbortSignal.abort())).rejects.toThrow('abort');
  const photo = await database.prisma.photo.findFirstOrThrow({ where: { avatarId, position: 7 } });
  rmSync(store.path(photo.fileHash));
  await expect(packDataset(parts(), avatarId)).rejects.toThrow(FileNotFound);
  expect(temporary()).toEqual([]);
  expect(existsSync(store.folder)).toBe(true);
});
