/** Both places that files can lie in, each with hands of the test's own in it, past the store. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import type { Database } from '../../src/database/client.ts';
import type { BlobStore } from '../../src/storage/blob-store.ts';
import { type BucketSettings, createBucketStore } from '../../src/storage/bucket-store.ts';
import { freeBytes } from '../../src/storage/disk-space.ts';
import { createFileStore, type FileStore } from '../../src/storage/file-store.ts';
import { createFolderStore } from '../../src/storage/folder-store.ts';
import { createTemporaryFolder } from '../../src/storage/temporary-folder.ts';
import { s3Key, TestS3 } from './s3.ts';

/** What lies there, by key. */
type Hands = {
  has(key: string): boolean;
  read(key: string): Buffer;
  /** Puts something there that was written so many hours ago. */
  lay(key: string, hours: number, bytes?: Buffer): void;
  take(key: string): void;
  writtenAt(key: string): Date;
  /** Of everything but temporary files. */
  keys(): string[];
};

export type TestStore = Hands & {
  files: FileStore;
  blobs: BlobStore;
  folder: string;
  temporary(): string[];
  remove(): Promise<void>;
};

export type OpenStore = (prisma: Database, free?: () => Promise<number>) => Promise<TestStore>;

const inFolder: OpenStore = async (prisma, free) => {
  const { folder, ...parts } = prepare(free);
  const at = (key: string) => join(folder, key);
  const blobs = createFolderStore(folder);
  return {
    ...opened(prisma, blobs, { folder, ...parts }),
    has: (key) => existsSync(at(key)),
    read: (key) => readFileSync(at(key)),
    lay(key, hours, bytes = Buffer.from('x')) {
      mkdirSync(dirname(at(key)), { recursive: true });
      writeFileSync(at(key), bytes);
      utimesSync(at(key), hoursAgo(hours), hoursAgo(hours));
    },
    take: (key) => rmSync(at(key)),
    writtenAt: (key) => statSync(at(key)).mtime,
    keys: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('temporary'))
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
        .sort(),
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
};

const inBucket: OpenStore = async (prisma, free) => openBucketAt(await new TestS3().start(), prisma, free);

/** A bucket's store with its server, which is stopped with it. */
export function openBucketAt(s3: TestS3, prisma: Database, free?: () => Promise<number>): TestStore {
  const { folder, ...parts } = prepare(free);
  const blobs = createBucketStore(bucketAt(s3), parts.temporaryFolder);
  const at = (key: string) => {
    const object = s3.objects.get(key);
    if (object === undefined) throw new Error(`There is no ${key}.`);
    return object;
  };
  return {
    ...opened(prisma, blobs, { folder, ...parts }),
    has: (key) => s3.objects.has(key),
    read: (key) => at(key).bytes,
    lay: (key, hours, bytes = Buffer.from('x')) =>
      void s3.objects.set(key, { bytes, modifiedAt: hoursAgo(hours), contentType: 'text/plain' }),
    take: (key) => void s3.objects.delete(key),
    writtenAt: (key) => at(key).modifiedAt,
    keys: () => [...s3.objects.keys()].sort(),
    async remove() {
      blobs.close();
      await s3.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const bucketAt = ({ bucket, url }: TestS3): BucketSettings => ({
  bucket,
  endpoint: url,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: s3Key,
});

export const stores: [string, OpenStore][] = [
  ['a folder', inFolder],
  ['a bucket', inBucket],
];

function prepare(given?: () => Promise<number>) {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-files-'));
  const free = given ?? (() => freeBytes(folder));
  return { folder, free, temporaryFolder: createTemporaryFolder(join(folder, 'temporary'), free) };
}

function opened(prisma: Database, blobs: BlobStore, { folder, free, temporaryFolder }: ReturnType<typeof prepare>) {
  const temporary = join(folder, 'temporary');
  return {
    files: createFileStore({ blobs, temporaryFolder, prisma, log: pino({ enabled: false }), free }),
    blobs,
    folder,
    temporary: () => (existsSync(temporary) ? readdirSync(temporary) : []),
  };
}

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
