/** Failures that only a bucket has: it is unavailable, breaks connections, rejects requests, or contains foreign objects. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { FileNotFound, fileKey, StorageMisconfigured, StorageUnavailable } from '../../src/storage/blob-store.ts';
import { createBucketStore } from '../../src/storage/bucket-store.ts';
import { createTemporaryFolder } from '../../src/storage/temporary-folder.ts';
import { openTestDatabase } from '../support/database.ts';
import { s3Key, TestS3 } from '../support/s3.ts';
import { bucketAt, openBucketAt, type TestStore } from '../support/stores.ts';

let database: EmbeddedDatabase;
let s3: TestS3;
let store: TestStore;
const maxBytes = 200_000_000;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  s3 = await new TestS3().start();
  store = openBucketAt(s3, database.prisma);
});
afterEach(async () => {
  await database.prisma.storedFile.deleteMany();
  await store.remove();
});

const write = (bytes: string | Buffer) => store.files.write(Buffer.from(bytes), { maxBytes });
const messageOf = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (error: unknown) => [String(error), JSON.stringify(error, Object.getOwnPropertyNames(error))].join('\n'),
  );

describe('bytes', () => {
  test('can be read in part and as a whole', async () => {
    const { hash } = await write('0123456789');
    const read = async (range?: { start: number; end: number }) =>
      (await buffer(await (await store.files.open(hash)).read(range))).toString();
    expect(await read()).toBe('0123456789');
    expect(await read({ start: 2, end: 4 })).toBe('234');
    expect((await store.files.open(hash)).byteSize).toBe(10);
  });

  test('of a large file are streamed, not buffered', async () => {
    const piece = randomBytes(1024 * 1024);
    const hash = createHash('sha256');
    for (let n = 0; n < 96; n += 1) hash.update(piece);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const pieces = (function* () {
      for (let n = 0; n < 96; n += 1) yield piece;
    })();
    const written = await store.files.writeInspected(Readable.from(pieces), {
      maxBytes,
      inspect: async () => void (most = process.memoryUsage().arrayBuffers - before),
    });
    expect(written.file).toEqual({ hash: hash.digest('hex'), byteSize: 96 * piece.length });
    expect(most).toBeLessThan(32 * piece.length);
    expect(s3.received.filter((line) => line.startsWith('PUT'))).toHaveLength(1);
    const again = await store.files.withLocalFile(written.file.hash, async (path) => {
      const { createReadStream } = await import('node:fs');
      const read = createHash('sha256');
      for await (const chunk of createReadStream(path)) read.update(chunk as Buffer);
      return read.digest('hex');
    });
    expect(again).toBe(written.file.hash);
    expect(store.temporary()).toEqual([]);
  });

  test('that do not match their checksum are rejected by the store, and no file is left', async () => {
    const key = fileKey('a'.repeat(64));
    const path = `${store.folder}/other`;
    writeFileSync(path, 'not what was hashed');
    await expect(store.blobs.put(path, key)).rejects.toThrow(StorageUnavailable);
    expect(store.keys()).toEqual([]);
  });

  test('of a removed file cannot be read', async () => {
    const { hash } = await write('gone');
    const opened = await store.files.open(hash);
    store.take(fileKey(hash));
    await expect(opened.read()).rejects.toThrow(FileNotFound);
    await expect(store.files.open(hash)).rejects.toThrow(FileNotFound);
    await expect(store.files.withLocalFile(hash, () => Promise.resolve())).rejects.toThrow(FileNotFound);
    expect(store.temporary()).toEqual([]);
  });
});

describe('an unavailable bucket', () => {
  test('fails every operation soon with StorageUnavailable, and works again when it is back', async () => {
    const { hash, byteSize } = await write('stored');
    await s3.stop();
    await expect(write('lost')).rejects.toThrow(StorageUnavailable);
    await expect(store.files.open(hash)).rejects.toThrow(StorageUnavailable);
    await expect(store.files.withLocalFile(hash, () => Promise.resolve())).rejects.toThrow(StorageUnavailable);
    const recording = database.prisma.$transaction((tx) =>
      store.files.record(tx, [{ hash, byteSize, contentType: 'text/plain' }]),
    );
    await expect(recording).rejects.toThrow(StorageUnavailable);
    expect(await database.prisma.storedFile.count()).toBe(0);
    expect(await store.files.removeUnused([hash])).toBe(0);
    expect(await store.files.health()).toMatch(/cannot be used now/);
    expect(store.temporary()).toEqual([]);
    await s3.start();
    expect(await store.files.health()).toBe(true);
    expect((await buffer(await (await store.files.open(hash)).read())).toString()).toBe('stored');
  });

  test('that does not respond is not waited for long', async () => {
    const { hash } = await write('stored');
    s3.fault = () => 'HANG';
    await expect(store.files.open(hash)).rejects.toThrow(StorageUnavailable);
  });

  test('that breaks a connection or throttles once gets the request again', async () => {
    for (const fault of ['BREAK', 503] as const) {
      let faults = 1;
      s3.fault = ({ method }) => (method === 'PUT' && faults-- > 0 ? fault : undefined);
      const { hash } = await write(`put in spite of ${fault}`);
      faults = 1;
      s3.fault = ({ method }) => (method === 'GET' && faults-- > 0 ? fault : undefined);
      expect((await buffer(await (await store.files.open(hash)).read())).toString()).toMatch(/^put in spite/);
      expect(faults).toBeLessThan(1);
    }
  });
});

describe('removing', () => {
  test('keeps the rows after a failure, and waits for all removals before it releases them', async () => {
    const written = await Promise.all(Array.from({ length: 5 }, (_, n) => write(`file ${n}`)));
    await database.prisma.$transaction((tx) =>
      store.files.record(
        tx,
        written.map((file) => ({ ...file, contentType: 'text/plain' })),
      ),
    );
    const refused = fileKey(written[2]?.hash ?? '');
    const order: string[] = [];
    // The others are slow, so that they end after the failing one.
    s3.fault = ({ method, key }) => {
      if (method !== 'DELETE') return undefined;
      return key === refused ? 403 : wait(300).then(() => void order.push('removed'));
    };
    expect(await store.files.removeUnused().finally(() => order.push('returned'))).toBe(0);
    expect(order).toEqual(['removed', 'removed', 'removed', 'removed', 'returned']);
    expect(await database.prisma.storedFile.count()).toBe(5);
    expect(store.keys()).toEqual([refused]);
    s3.fault = () => undefined;
    expect(await store.files.removeUnused()).toBe(5);
    expect(store.keys()).toEqual([]);
  });

  test('reads all pages of a listing', async () => {
    for (let n = 0; n < 1_100; n += 1) {
      const hash = createHash('sha256').update(String(n)).digest('hex');
      store.lay(fileKey(hash), 2);
    }
    expect(await store.files.sweep()).toBe(1_100);
    expect(store.keys()).toEqual([]);
  });
});

describe('a bucket that rejects requests', () => {
  const check = (other: Partial<ReturnType<typeof bucketAt>>) => {
    const temporaryFolder = createTemporaryFolder(store.folder, () => Promise.resolve(Infinity));
    const bucket = createBucketStore({ ...bucketAt(s3), ...other }, temporaryFolder);
    return bucket.check().finally(() => bucket.close());
  };

  test('is reported with the setting that is wrong', async () => {
    await expect(check({ bucket: 'other' })).rejects.toThrow(/^S3_BUCKET: there is no bucket other/);
    const credentials = { ...s3Key, accessKeyId: 'AKIA-of-another' };
    await expect(check({ credentials })).rejects.toThrow(/^S3_ACCESS_KEY_ID: /);
    await expect(check({ credentials })).rejects.toThrow(StorageMisconfigured);
    await expect(check({})).resolves.toBeUndefined();
  });

  test('is reported without its key', async () => {
    const credentials = { accessKeyId: 'AKIA-of-another', secretAccessKey: 'very-secret' };
    const temporaryFolder = createTemporaryFolder(store.folder, () => Promise.resolve(Infinity));
    const bucket = createBucketStore({ ...bucketAt(s3), credentials }, temporaryFolder);
    const said = await Promise.all(
      [
        bucket.check(),
        bucket.open('x'),
        bucket.removeFile('a'.repeat(64)),
        bucket.withLocalFile('a', () => Promise.resolve()),
      ].map(messageOf),
    );
    bucket.close();
    expect(said.join('\n')).toMatch(/InvalidAccessKeyId/);
    expect(said.join('\n')).not.toMatch(/AKIA|very-secret|Signature=/);
  });
});
