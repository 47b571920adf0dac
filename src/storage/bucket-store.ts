/**
 * A store of files in an S3-compatible bucket, under the same keys as in a folder. Every failed request is thrown as
 * StorageUnavailable without the SDK's error, which may quote access keys and signatures.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, NoSuchKey, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { S3Driver } from 'flydrive/drivers/s3';
import {
  type BlobStore,
  FileNotFound,
  fileKey,
  type OpenFile,
  readKey,
  renditionsOf,
  StorageUnavailable,
  type StoredBlob,
} from './blob-store.ts';
import { misconfiguration, unavailable } from './bucket-errors.ts';
import type { ByteRange } from './range.ts';
import type { TemporaryFolder } from './temporary-folder.ts';

export type BucketSettings = {
  bucket: string;
  endpoint: string | undefined;
  region: string;
  forcePathStyle: boolean;
  /** If undefined, the SDK finds them: AWS_* variables, profiles, or the machine's role. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined;
};

/** The time to connect. */
const connectMs = 2_000;
/** The longest pause in a request with a small answer, such as a look-up, a listing or a removal. Short, because a client may wait for it. */
const requestMs = 4_000;
/** The longest pause in a file's bytes, in either direction. */
const idleMs = 30_000;
/** The first attempt and the SDK's own retries: after throttling, a broken connection or a 5xx answer. */
const attempts = 3;

export function createBucketStore(
  { bucket, endpoint, region, forcePathStyle, credentials }: BucketSettings,
  temporaryFolder: TemporaryFolder,
): BlobStore {
  const connect = (socketTimeout: number) =>
    new S3Client({
      region,
      forcePathStyle,
      maxAttempts: attempts,
      // No checksums that only newer stores support; put() sends the one that matters.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: connectMs, socketTimeout },
      logger: silent,
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials !== undefined && { credentials }),
    });
  const requestClient = connect(requestMs);
  const transferClient = connect(idleMs);
  // Buckets are private by default, and several stores do not support ACLs.
  const driverOf = (client: S3Client) => new S3Driver({ client, bucket, visibility: 'private', supportsACL: false });
  const requests = driverOf(requestClient);
  const transfers = driverOf(transferClient);

  const byteSize = (key: string) =>
    undefinedIfMissing(requests.getMetaData(key).then(({ contentLength }) => contentLength));

  const read = (key: string, range?: ByteRange): Promise<Readable | undefined> => {
    // flydrive reads whole files only.
    const Range = range && `bytes=${range.start}-${range.end}`;
    const got = transferClient.send(new GetObjectCommand({ Bucket: bucket, Key: key, Range }));
    return undefinedIfMissing(got.then(({ Body }) => Body as Readable));
  };

  /** The bucket compares the bytes with the hash in the key, and rejects them when they differ. */
  const upload = async (path: string, key: string) => {
    const { size } = await stat(path);
    const options = { ContentLength: size, contentType, ...checksumOf(key) };
    await orUnavailable(transfers.putStream(key, createReadStream(path), options));
    const arrived = await byteSize(key);
    if (arrived !== size)
      throw new StorageUnavailable(`The bucket stored ${arrived ?? 'none'} of the ${size} bytes of a file.`);
  };

  const remove = async (keys: string[]) => {
    for (const key of keys) await orUnavailable(requests.delete(key));
  };

  /** One page of the keys with a prefix. */
  const page = async (prefix: string, paginationToken?: string) => {
    const options = { recursive: true, ...(paginationToken !== undefined && { paginationToken }) };
    const listed = await orUnavailable(requests.listAll(prefix, options));
    const kept: StoredBlob[] = [];
    for (const object of listed.objects) {
      const named = object.isFile ? readKey(object.key) : undefined;
      if (!object.isFile || named === undefined) continue;
      // Known from the listing: this sends no request.
      const { lastModified } = await object.getMetaData();
      kept.push({ key: object.key, ...named, writtenAt: lastModified });
    }
    return { kept, next: listed.paginationToken };
  };

  return {
    async put(path, key) {
      try {
        // Retries once, at once: an idle connection may have been dead, and the SDK cannot retry a stream that was already read.
        await upload(path, key).catch(() => upload(path, key));
      } finally {
        await rm(path, { force: true });
      }
    },
    byteSize,
    async open(key): Promise<OpenFile | undefined> {
      const size = await byteSize(key);
      if (size === undefined) return undefined;
      return {
        byteSize: size,
        async read(range) {
          const body = await read(key, range);
          if (body === undefined) throw new FileNotFound(readKey(key)?.hash ?? key);
          return body;
        },
        close: () => Promise.resolve(),
      };
    },
    async withLocalFile(hash, work) {
      const path = await temporaryFolder.newPath();
      try {
        const body = await read(fileKey(hash));
        if (body === undefined) throw new FileNotFound(hash);
        await download(body, path);
        return await work(path);
      } finally {
        await rm(path, { force: true });
      }
    },
    async removeFile(hash) {
      const { kept } = await page(renditionsOf(hash));
      await remove([fileKey(hash), ...kept.map(({ key }) => key)]);
    },
    remove,
    async *list() {
      let next: string | undefined;
      do {
        const { kept, next: following } = await page('/', next);
        yield kept;
        next = following;
      } while (next !== undefined);
    },
    async check() {
      await requests.listAll('/', { recursive: true, maxResults: 1 }).catch((error: unknown) => {
        throw misconfiguration(error, bucket) ?? unavailable(error);
      });
    },
    close() {
      requestClient.destroy();
      transferClient.destroy();
    },
  };
}

/** Without a logger the SDK writes to the console. Errors are thrown, so nothing is lost. */
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const contentType = 'application/octet-stream';

/** The checksum of a file's content, from its key. A rendition's key has none. */
function checksumOf(key: string): { ChecksumSHA256?: string } {
  const named = readKey(key);
  if (named === undefined || named.isRendition) return {};
  return { ChecksumSHA256: Buffer.from(named.hash, 'hex').toString('base64') };
}

/** Writes the body to a file. A failed read is the bucket's fault and thrown as StorageUnavailable; a failed write is this machine's. */
async function download(body: Readable, path: string): Promise<void> {
  let broken: unknown;
  body.once('error', (error) => (broken = error));
  await pipeline(body, createWriteStream(path)).catch((error: unknown) => {
    throw broken === error ? unavailable(error) : error;
  });
}

async function orUnavailable<T>(request: Promise<T>): Promise<T> {
  return await request.catch((error: unknown) => {
    throw unavailable(error);
  });
}

async function undefinedIfMissing<T>(request: Promise<T>): Promise<T | undefined> {
  return await request.catch((error: unknown) => {
    if (error instanceof NoSuchKey || (error instanceof S3ServiceException && error.name === 'NotFound'))
      return undefined;
    throw unavailable(error);
  });
}
