/** The S3 server of the tests, checked with the official client. */
import { createHash } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { s3Key, TestS3 } from '../support/s3.ts';

const s3 = new TestS3();
const Bucket = s3.bucket;
let client: S3Client;
const connect = (credentials = s3Key) =>
  new S3Client({ endpoint: s3.url, region: 'us-east-1', forcePathStyle: true, credentials, maxAttempts: 1 });

beforeAll(async () => {
  await s3.start();
  client = connect();
});
afterAll(async () => {
  client.destroy();
  await s3.stop();
});

const read = async (Key: string, Range?: string) => {
  const { Body, ContentRange } = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
  return [await Body?.transformToString(), ContentRange];
};

test('an object can be written, read as a whole and in part, described and removed', async () => {
  const Key = 'a/b c';
  await client.send(new PutObjectCommand({ Bucket, Key, Body: '0123456789', ContentType: 'text/plain' }));
  expect(await read(Key)).toEqual(['0123456789', undefined]);
  expect(await read(Key, 'bytes=2-4')).toEqual(['234', 'bytes 2-4/10']);
  await expect(read(Key, 'bytes=10-')).rejects.toMatchObject({ name: 'InvalidRange' });
  const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
  expect(head).toMatchObject({ ContentLength: 10, ContentType: 'text/plain' });
  expect(Date.now() - (head.LastModified?.getTime() ?? 0)).toBeLessThan(60_000);
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
  await expect(read(Key)).rejects.toMatchObject({ name: 'NoSuchKey' });
  await expect(client.send(new HeadObjectCommand({ Bucket, Key }))).rejects.toMatchObject({ name: 'NotFound' });
});

test('an object that does not match its checksum is rejected', async () => {
  const ChecksumSHA256 = createHash('sha256').update('other').digest('base64');
  const put = client.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'this', ChecksumSHA256 }));
  await expect(put).rejects.toMatchObject({ name: 'BadDigest' });
  expect(s3.objects.has('x')).toBe(false);
});

test('a listing comes in pages and in folders', async () => {
  for (const Key of ['list/1', 'list/2', 'list/3', 'list/deep/1', 'other']) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  }
  const list = (more: object) => client.send(new ListObjectsV2Command({ Bucket, Prefix: 'list/', ...more }));
  const keysOf = ({ Contents = [] }: ListObjectsV2CommandOutput) => Contents.map(({ Key }) => Key);
  const first = await list({ MaxKeys: 3 });
  expect([keysOf(first), first.IsTruncated]).toEqual([['list/1', 'list/2', 'list/3'], true]);
  const second = await list({ MaxKeys: 3, ContinuationToken: first.NextContinuationToken });
  expect([keysOf(second), second.IsTruncated]).toEqual([['list/deep/1'], false]);
  const folders = await list({ Delimiter: '/' });
  expect(keysOf(folders)).toEqual(['list/1', 'list/2', 'list/3']);
  expect(folders.CommonPrefixes).toEqual([{ Prefix: 'list/deep/' }]);
});

test('an object can be uploaded in parts', async () => {
  const Key = 'parts';
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const parts = await Promise.all(
    ['one', 'two'].map(async (Body, index) => {
      const PartNumber = index + 1;
      const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
      return { ETag, PartNumber };
    }),
  );
  expect(s3.objects.has(Key)).toBe(false);
  const whole = { Bucket, Key, UploadId, MultipartUpload: { Parts: parts } };
  await client.send(new CompleteMultipartUploadCommand(whole));
  expect(await read(Key)).toEqual(['onetwo', undefined]);
});

test('requests without a valid signature, or for another bucket, are rejected', async () => {
  expect((await fetch(`${s3.url}/${Bucket}?list-type=2`)).status).toBe(403);
  const stranger = connect({ ...s3Key, accessKeyId: 'another' });
  const list = new ListObjectsV2Command({ Bucket });
  await expect(stranger.send(list)).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
  stranger.destroy();
  const other = client.send(new ListObjectsV2Command({ Bucket: 'other' }));
  await expect(other).rejects.toMatchObject({ name: 'NoSuchBucket' });
});
