/**
 * Files in an S3-compatible bucket, under the keys that they would have in a folder. Whatever the store answers that is
 * not an answer is thrown as StorageUnavailable, without the SDK's error: that one may quote access keys and signatures.
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
  StorageMisconfigured,
  StorageUnavailable,
  type StoredBlob,
} from './blob-store.ts';
import type { ByteRange } from './range.ts';
import type { TemporaryFolder } from './temporary-folder.ts';

export type BucketSettings = {
  bucket: string;
  endpoint: string | undefined;
  region: string;
  forcePathStyle: boolean;
  /** Without them the SDK looks where it always does: AWS_* of the environment, profiles, the machine's role. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined;
};

/** One that cannot be connected to by then is away. */
const connectMs = 2_000;
/** A question (is it there, what is there, remove it) has no body to speak of, and somebody waits for the answer. */
const questionMs = 4_000;
/** The pause within a file's bytes, either way, that is the end of it. */
const silenceMs = 30_000;
/** The first try and what the SDK tries again by itself: throttling, a connection that broke, an answer of 5xx. */
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
      // Checksums that only newer stores know are left out; put() sends the one that matters.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: connectMs, socketTimeout },
      logger: silent,
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials !== undefined && { credentials }),
    });
  const asking = connect(questionMs);
  const carrying = connect(silenceMs);
  // Buckets are private by default, and several stores know no ACL.
  const driverOf = (client: S3Client) => new S3Driver({ client, bucket, visibility: 'private', supportsACL: false });
  const questions = driverOf(asking);
  const transfers = driverOf(carrying);

  const byteSize = (key: string) =>
    unlessMissing(questions.getMetaData(key).then(({ contentLength }) => contentLength));

  const read = (key: string, range?: ByteRange): Promise<Readable | undefined> => {
    // flydrive reads whole files only.
    const Range = range && `bytes=${range.start}-${range.end}`;
    const got = carrying.send(new GetObjectCommand({ Bucket: bucket, Key: key, Range }));
    return unlessMissing(got.then(({ Body }) => Body as Readable));
  };

  /** The store compares the bytes with the hash in the key, and refuses them when they differ. */
  const upload = async (path: string, key: string) => {
    const { size } = await stat(path);
    const options = { ContentLength: size, contentType, ...checksumOf(key) };
    await known(transfers.putStream(key, createReadStream(path), options));
    const arrived = await byteSize(key);
    if (arrived !== size) throw new StorageUnavailable(`Of ${size} bytes, ${arrived ?? 'none'} are in the bucket.`);
  };

  const remove = async (keys: string[]) => {
    for (const key of keys) await known(questions.delete(key));
  };

  /** A page of all that begins with the prefix. */
  const page = async (prefix: string, paginationToken?: string) => {
    const options = { recursive: true, ...(paginationToken !== undefined && { paginationToken }) };
    const listed = await known(questions.listAll(prefix, options));
    const kept: StoredBlob[] = [];
    for (const object of listed.objects) {
      const named = object.isFile ? readKey(object.key) : undefined;
      if (!object.isFile || named === undefined) continue;
      // Told by the listing: nothing is asked.
      const { lastModified } = await object.getMetaData();
      kept.push({ key: object.key, ...named, writtenAt: lastModified });
    }
    return { kept, next: listed.paginationToken };
  };

  return {
    async put(path, key) {
      try {
        // Once more, at once: the SDK cannot, because a stream is read once, and an idle connection may have been dead.
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
        await carry(body, path);
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
      await questions.listAll('/', { recursive: true, maxResults: 1 }).catch((error: unknown) => {
        throw refusalOf(error, bucket) ?? away(error);
      });
    },
    close() {
      asking.destroy();
      carrying.destroy();
    },
  };
}

/** Without a logger the SDK writes to the console by itself; what matters is in what is thrown. */
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

const contentType = 'application/octet-stream';

/** A rendition's key does not tell its content. */
function checksumOf(key: string): { ChecksumSHA256?: string } {
  const named = readKey(key);
  if (named === undefined || named.isRendition) return {};
  return { ChecksumSHA256: Buffer.from(named.hash, 'hex').toString('base64') };
}

/** Into a file. A fault of the stream is the bucket's, one of the file this machine's. */
async function carry(body: Readable, path: string): Promise<void> {
  let broken: unknown;
  body.once('error', (error) => (broken = error));
  await pipeline(body, createWriteStream(path)).catch((error: unknown) => {
    throw broken === error ? away(error) : error;
  });
}

async function known<T>(asked: Promise<T>): Promise<T> {
  return await asked.catch((error: unknown) => {
    throw away(error);
  });
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  return await asked.catch((error: unknown) => {
    if (error instanceof NoSuchKey || (error instanceof S3ServiceException && error.name === 'NotFound'))
      return undefined;
    throw away(error);
  });
}

const statusOf = (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined);

function away(error: unknown): StorageUnavailable {
  if (error instanceof StorageUnavailable) return error;
  const status = statusOf(error);
  const reason = error instanceof Error ? ('code' in error ? String(error.code) : error.name) : 'unknown';
  return new StorageUnavailable(
    `The bucket of the files does not answer as it should: ${reason}${status ? `, ${status}` : ''}.`,
  );
}

/** What the operator has to mend, as far as the store's answer tells. */
function refusalOf(error: unknown, bucket: string): StorageMisconfigured | undefined {
  const { name } = error instanceof Error ? error : { name: '' };
  const status = statusOf(error);
  if (status === 404) return new StorageMisconfigured(`S3_BUCKET: there is no bucket ${bucket} there.`);
  if (status === 301) return new StorageMisconfigured(`S3_REGION: the bucket ${bucket} is in another region.`);
  if (status === 401 || status === 403) {
    return new StorageMisconfigured(
      `S3_ACCESS_KEY_ID: with these credentials the bucket ${bucket} is refused (${name}).`,
    );
  }
  if (name === 'CredentialsProviderError') {
    return new StorageMisconfigured(
      'S3_ACCESS_KEY_ID: there are no credentials, neither here nor where the AWS SDK looks for them.',
    );
  }
  return undefined;
}
