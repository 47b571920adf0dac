import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { LimitReachedError } from '../../src/refusal/refusal.ts';
import { FileNotFound, fileKey } from '../../src/storage/blob-store.ts';
import { DiskFull, freeBytes } from '../../src/storage/disk-space.ts';
import { FileTooLarge, type WrittenFile } from '../../src/storage/temporary-folder.ts';
import { openTestDatabase } from '../support/database.ts';
import { stores, type TestStore } from '../support/stores.ts';

let database: EmbeddedDatabase;
let store: TestStore;
const ownerId = randomUUID();
const avatarId = randomUUID();
const maxBytes = 1_000_000;
const text = { contentType: 'text/plain' };

beforeAll(async () => {
  database = await openTestDatabase();
  await database.prisma.user.create({ data: { id: ownerId } });
  await database.prisma.avatar.create({
    data: { id: avatarId, ownerId, kind: 'PORTRAIT', name: 'Ada', triggerPhrase: 'TOK_1' },
  });
});
afterAll(() => database.close());
const record = (...written: WrittenFile[]) =>
  database.prisma.$transaction((tx) =>
    store.files.record(
      tx,
      written.map((file) => ({ ...file, ...text })),
    ),
  );

const addPhoto = ({ hash }: WrittenFile, position = 1) =>
  database.prisma.photo.create({
    data: {
      ownerId,
      avatarId,
      position,
      fileHash: hash,
      fileName: 'a.txt',
      mimeType: 'image/png',
      byteSize: 1,
      width: 1,
      height: 1,
    },
  });

const megabytes = (count: number) => async () => count * 1024 * 1024;
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'taken',
    (error: Error) => error.constructor,
  );

const layTemporary = (name: string, hours: number) => {
  const path = join(store.folder, 'temporary', name);
  mkdirSync(join(store.folder, 'temporary'), { recursive: true });
  writeFileSync(path, 'x');
  const at = new Date(Date.now() - hours * 3_600_000);
  utimesSync(path, at, at);
};

describe.each(stores)('in %s', (_name, openStore) => {
  beforeEach(async () => {
    store = await openStore(database.prisma);
  });
  afterEach(async () => {
    await database.prisma.photo.deleteMany();
    await database.prisma.storedFile.deleteMany();
    await store.remove();
  });

  describe('write', () => {
    test('stores streamed bytes under their SHA-256, and the same bytes once', async () => {
      const bytes = randomBytes(300_000);
      const hash = createHash('sha256').update(bytes).digest('hex');
      const written = await store.files.write(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]), { maxBytes });
      expect(written).toEqual({ hash, byteSize: 300_000 });
      expect(await store.files.write(bytes, { maxBytes })).toEqual(written);
      expect(store.keys()).toEqual([`${hash.slice(0, 2)}/${hash.slice(2, 4)}/${hash}`]);
      expect(store.read(fileKey(hash)).equals(bytes)).toBe(true);
      expect(store.temporary()).toEqual([]);
    });

    test('concurrent writes of the same content give one complete file', async () => {
      const bytes = randomBytes(100_000);
      const all = await Promise.all(Array.from({ length: 20 }, () => store.files.write(bytes, { maxBytes })));
      expect(new Set(all.map((file) => file.hash)).size).toBe(1);
      expect(store.read(fileKey(all[0]?.hash ?? '')).equals(bytes)).toBe(true);
      expect(store.temporary()).toEqual([]);
    });

    test('accepts exactly the limit, and leaves nothing of a stream that exceeds it or breaks off', async () => {
      expect(await store.files.write(Buffer.alloc(10), { maxBytes: 10 })).toMatchObject({ byteSize: 10 });
      await expect(store.files.write(Buffer.alloc(11), { maxBytes: 10 })).rejects.toThrow(FileTooLarge);
      const broken = Readable.from(
        (async function* () {
          yield Buffer.alloc(5);
          throw new Error('cut');
        })(),
      );
      await expect(store.files.write(broken, { maxBytes: 10 })).rejects.toThrow('cut');
      expect(store.temporary()).toEqual([]);
    });
  });

  describe('record', () => {
    test('writes a row, and only renews it the second time', async () => {
      const written = await store.files.write(Buffer.from('one'), { maxBytes });
      await record(written);
      const first = await database.prisma.storedFile.findUniqueOrThrow({ where: { hash: written.hash } });
      expect(first).toMatchObject({ byteSize: 3n, contentType: 'text/plain' });
      await record(written);
      const second = await database.prisma.storedFile.findUniqueOrThrow({ where: { hash: written.hash } });
      expect(second.putAt.getTime()).toBeGreaterThanOrEqual(first.putAt.getTime());
    });

    test('rejects a file that is not on disk, and the transaction leaves no row', async () => {
      const gone = { hash: 'a'.repeat(64), byteSize: 1 };
      await expect(record(gone)).rejects.toThrow(FileNotFound);
      expect(await database.prisma.storedFile.count()).toBe(0);
    });
  });

  describe('removeUnused', () => {
    test('removes the row, file and renditions of unused files, and nothing else', async () => {
      const [used, unused, other] = await Promise.all(
        ['used', 'unused', 'other'].map((bytes) => store.files.write(Buffer.from(bytes), { maxBytes })),
      );
      if (!used || !unused || !other) throw new Error('unreachable');
      await record(used, unused, other);
      await addPhoto(used);
      const rendition = `renditions/${unused.hash}/64-80.webp`;
      store.lay(rendition, 0);
      expect(await store.files.removeUnused([used.hash, unused.hash])).toBe(1);
      expect(store.has(fileKey(unused.hash))).toBe(false);
      expect(store.has(rendition)).toBe(false);
      expect(store.has(fileKey(used.hash))).toBe(true);
      expect(store.has(fileKey(other.hash))).toBe(true);
      expect(await store.files.removeUnused()).toBe(1);
      expect((await database.prisma.storedFile.findMany()).map((file) => file.hash)).toEqual([used.hash]);
    });

    test('removes more than one batch of files', async () => {
      const written = await Promise.all(
        Array.from({ length: 120 }, (_, index) => store.files.write(Buffer.from(`file ${index}`), { maxBytes })),
      );
      await record(...written);
      expect(await store.files.removeUnused()).toBe(120);
      expect(await database.prisma.storedFile.count()).toBe(0);
    });

    test('leaves no row without a file while the same content is written again', async () => {
      const bytes = Buffer.from('contested');
      const put = async (position: number): Promise<void> => {
        const written = await store.files.write(bytes, { maxBytes });
        try {
          await database.prisma.$transaction(async (tx) => {
            await store.files.record(tx, [{ ...written, ...text }]);
            await tx.photo.deleteMany({ where: { fileHash: written.hash } });
            if (position % 2 === 0)
              await tx.photo.create({
                data: {
                  ownerId,
                  avatarId,
                  position,
                  fileHash: written.hash,
                  fileName: 'a',
                  mimeType: 'image/png',
                  byteSize: 1,
                  width: 1,
                  height: 1,
                },
              });
          });
        } catch (error) {
          if (!(error instanceof FileNotFound)) throw error;
          await put(position);
        }
      };
      await Promise.all(
        Array.from({ length: 30 }, (_, index) => (index % 3 === 0 ? store.files.removeUnused() : put(index + 1))),
      );
      for (const { hash } of await database.prisma.storedFile.findMany()) {
        expect(store.has(fileKey(hash))).toBe(true);
      }
      expect(await database.prisma.storedFile.count()).toBeGreaterThanOrEqual(await database.prisma.photo.count());
    });
  });

  describe('sweep', () => {
    test('removes leftovers of crashes after an hour: unknown files, temporary files, stale renditions', async () => {
      const fresh = await store.files.write(Buffer.from('fresh orphan'), { maxBytes });
      const stale = await store.files.write(Buffer.from('stale orphan'), { maxBytes });
      const used = await store.files.write(Buffer.from('used'), { maxBytes });
      await record(used);
      await addPhoto(used);
      store.lay(fileKey(stale.hash), 2, Buffer.from('stale orphan'));
      store.lay(fileKey(used.hash), 2, Buffer.from('used'));
      layTemporary('new', 0.5);
      layTemporary('old', 2);
      const remaining = [`renditions/${used.hash}/64-80.webp`, fileKey(fresh.hash), fileKey(used.hash), 'notes/readme'];
      const removed = [
        `renditions/${used.hash}/65-80.webp`,
        `renditions/${'f'.repeat(64)}/64-80.webp`,
        fileKey(stale.hash),
      ];
      store.lay(`renditions/${used.hash}/64-80.webp`, 24);
      store.lay(`renditions/${used.hash}/65-80.webp`, 24 * 8);
      store.lay(`renditions/${'f'.repeat(64)}/64-80.webp`, 0);
      store.lay('notes/readme', 1000);
      expect(await store.files.sweep()).toBe(1);
      expect(remaining.filter((key) => !store.has(key))).toEqual([]);
      expect(removed.filter((key) => store.has(key))).toEqual([]);
      expect(store.temporary()).toEqual(['new']);
    });

    test('checks the whole store at most once an hour', async () => {
      expect(await store.files.sweep()).toBe(0);
      const { hash } = await store.files.write(Buffer.from('orphan'), { maxBytes });
      store.lay(fileKey(hash), 2, Buffer.from('orphan'));
      expect(await store.files.sweep()).toBe(0);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
      expect(await store.files.sweep()).toBe(1);
      vi.useRealTimers();
    });

    test('counts an old file that is written again as new', async () => {
      const { hash } = await store.files.write(Buffer.from('again'), { maxBytes });
      store.lay(fileKey(hash), 2);
      await store.files.write(Buffer.from('again'), { maxBytes });
      expect(await store.files.sweep()).toBe(0);
      expect(Date.now() - store.writtenAt(fileKey(hash)).getTime()).toBeLessThan(60_000);
    });
  });

  describe('space', () => {
    test('is measured for a folder that does not exist yet', async () => {
      expect(await freeBytes(join(store.folder, 'new'))).toBeGreaterThan(0);
    });

    test.each([
      { free: 512, work: 'taken', file: 'taken' },
      { free: 511, work: LimitReachedError, file: 'taken' },
      { free: 128, work: LimitReachedError, file: 'taken' },
      { free: 127, work: LimitReachedError, file: DiskFull },
    ])('with $free MB free', async ({ free, work, file }) => {
      const tight = await openStore(database.prisma, megabytes(free));
      expect(await outcome(tight.files.assertSpace())).toBe(work);
      expect(await outcome(tight.files.write(Buffer.from('x'), { maxBytes }))).toBe(file);
      await tight.remove();
    });
  });
});
