/**
 * An S3 server in memory, as far as files need one: objects in whole, in parts and by range, listed and removed, at paths
 * that begin with the bucket. It takes one access key, wants requests signed, and compares checksums. Stopped and
 * started again, it has its port and its objects still.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { parseRange } from '../../src/storage/range.ts';

type StoredObject = { bytes: Buffer; modifiedAt: Date; contentType: string };
type Answer = { status: number; headers?: Record<string, string | number>; body?: Buffer | string };
type Asked = { method: string; key: string; query: URLSearchParams; request: IncomingMessage };

export type S3Fault = 'HANG' | 'BREAK' | 503 | 403;

export const s3Key = { accessKeyId: 'likeness-test', secretAccessKey: 'test-secret-of-the-bucket' };

export class TestS3 {
  readonly bucket = 'likeness';
  readonly objects = new Map<string, StoredObject>();
  /** Every request that came, as `GET ab/cd/…`. */
  readonly received: string[] = [];
  /** What becomes of a request instead of an answer; undefined lets it through. */
  fault: (asked: Pick<Asked, 'method' | 'key'>) => S3Fault | undefined | Promise<undefined> = () => undefined;
  #uploads = new Map<string, Map<number, Buffer>>();
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What a server is to be told to keep its files here. */
  get env(): Record<string, string> {
    return {
      S3_BUCKET: this.bucket,
      S3_ENDPOINT: this.url,
      S3_ACCESS_KEY_ID: s3Key.accessKeyId,
      S3_SECRET_ACCESS_KEY: s3Key.secretAccessKey,
    };
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => undefined);
    const { pathname, searchParams: query } = new URL(request.url ?? '/', this.url);
    const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/.exec(decodeURIComponent(pathname)) ?? [];
    const asked = { method: request.method ?? 'GET', key, query, request };
    this.received.push(`${asked.method} ${key}`);
    const fault = await this.fault(asked);
    if (fault === 'HANG') return;
    if (fault === 'BREAK') return void request.socket.destroy();
    const refusal = fault ? refuse(fault, 'Faulty') : this.#refuse(request, bucket);
    const { status, headers = {}, body = '' } = refusal ?? (await this.#answer(asked).catch(() => refuse(400, 'Cut')));
    if (refusal) request.resume();
    response.writeHead(status, { 'x-amz-request-id': randomUUID(), 'content-length': body.length, ...headers });
    response.end(asked.method === 'HEAD' ? undefined : body);
  }

  #refuse({ headers }: IncomingMessage, bucket: string): Answer | undefined {
    const signed = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/[\w-]+\/s3\/aws4_request, .*Signature=[\da-f]{64}$/;
    const [, accessKey] = signed.exec(headers.authorization ?? '') ?? [];
    if (accessKey === undefined) return refuse(403, 'AccessDenied');
    // As S3 does it, with the key that was sent.
    if (accessKey !== s3Key.accessKeyId) {
      return refuse(403, 'InvalidAccessKeyId', `<AWSAccessKeyId>${accessKey}</AWSAccessKeyId>`);
    }
    return bucket === this.bucket ? undefined : refuse(404, 'NoSuchBucket');
  }

  async #answer(asked: Asked): Promise<Answer> {
    const { method, key, query } = asked;
    if (key === '') return method === 'GET' ? this.#list(query) : refuse(405, 'MethodNotAllowed');
    if (query.has('uploads') || query.has('uploadId')) return await this.#multipart(asked);
    switch (method) {
      case 'PUT':
        return await this.#put(asked);
      case 'GET':
      case 'HEAD':
        return this.#get(asked);
      case 'DELETE':
        this.objects.delete(key);
        return { status: 204 };
      default:
        return refuse(405, 'MethodNotAllowed');
    }
  }

  async #put({ key, request }: Asked): Promise<Answer> {
    const bytes = await bodyOf(request);
    if (bytes === undefined) return refuse(400, 'BadDigest');
    const contentType = request.headers['content-type'] ?? 'binary/octet-stream';
    this.objects.set(key, { bytes, modifiedAt: new Date(), contentType });
    return { status: 200, headers: { etag: etagOf(bytes) } };
  }

  #get({ key, request }: Asked): Answer {
    const object = this.objects.get(key);
    if (object === undefined) return refuse(404, 'NoSuchKey');
    const { bytes, modifiedAt, contentType } = object;
    const headers = {
      etag: etagOf(bytes),
      'last-modified': modifiedAt.toUTCString(),
      'content-type': contentType,
      'accept-ranges': 'bytes',
    };
    const range = parseRange(request.headers.range, bytes.length);
    if (range === 'UNSATISFIABLE') return refuse(416, 'InvalidRange');
    if (range === undefined) return { status: 200, headers, body: bytes };
    const { start, end } = range;
    const part = { 'content-range': `bytes ${start}-${end}/${bytes.length}` };
    return { status: 206, headers: { ...headers, ...part }, body: bytes.subarray(start, end + 1) };
  }

  #list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const after = query.get('continuation-token') ?? '';
    const most = Number(query.get('max-keys') ?? 1000);
    const found = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const isBelow = (key: string) => delimiter !== '' && key.slice(prefix.length).includes(delimiter);
    const below = found.filter(isBelow).map((key) => key.slice(0, key.indexOf(delimiter, prefix.length) + 1));
    const keys = found.filter((key) => !isBelow(key) && key > after);
    const shown = keys.slice(0, most);
    const contents = shown.map((key) => {
      const { bytes, modifiedAt } = this.objects.get(key) as StoredObject;
      const etag = etagOf(bytes).replaceAll('"', '&quot;');
      return `<Contents><Key>${key}</Key><LastModified>${modifiedAt.toISOString()}</LastModified><ETag>${etag}</ETag><Size>${bytes.length}</Size></Contents>`;
    });
    const prefixes = [...new Set(below)].map((one) => `<CommonPrefixes><Prefix>${one}</Prefix></CommonPrefixes>`);
    const isCut = shown.length < keys.length;
    const next = isCut ? `<NextContinuationToken>${shown.at(-1)}</NextContinuationToken>` : '';
    const rest = `<KeyCount>${shown.length}</KeyCount><IsTruncated>${isCut}</IsTruncated>${next}`;
    return xml(200, `<ListBucketResult>${contents.join('')}${prefixes.join('')}${rest}</ListBucketResult>`);
  }

  async #multipart({ method, key, query, request }: Asked): Promise<Answer> {
    if (method === 'POST' && query.has('uploads')) {
      const id = randomUUID();
      this.#uploads.set(id, new Map());
      const inner = `<Bucket>${this.bucket}</Bucket><Key>${key}</Key><UploadId>${id}</UploadId>`;
      return xml(200, `<InitiateMultipartUploadResult>${inner}</InitiateMultipartUploadResult>`);
    }
    const id = query.get('uploadId') ?? '';
    const parts = this.#uploads.get(id);
    if (parts === undefined) return refuse(404, 'NoSuchUpload');
    if (method === 'PUT') {
      const bytes = await bodyOf(request);
      if (bytes === undefined) return refuse(400, 'BadDigest');
      parts.set(Number(query.get('partNumber')), bytes);
      return { status: 200, headers: { etag: etagOf(bytes) } };
    }
    this.#uploads.delete(id);
    if (method === 'DELETE') return { status: 204 };
    const asked = [...(await buffer(request)).toString().matchAll(/<PartNumber>(\d+)</g)].map(([, number]) =>
      Number(number),
    );
    const chosen = asked.map((number) => parts.get(number));
    if (chosen.includes(undefined)) return refuse(400, 'InvalidPart');
    const bytes = Buffer.concat(chosen.filter((part) => part !== undefined));
    this.objects.set(key, { bytes, modifiedAt: new Date(), contentType: 'binary/octet-stream' });
    const etag = etagOf(bytes).replaceAll('"', '&quot;');
    return xml(
      200,
      `<CompleteMultipartUploadResult><Key>${key}</Key><ETag>${etag}</ETag></CompleteMultipartUploadResult>`,
    );
  }
}

/** Undefined when it is not what its checksum says. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const bytes = await buffer(request);
  const told = request.headers['x-amz-checksum-sha256'];
  const isWhole = bytes.length === Number(request.headers['content-length']);
  const isSame = told === undefined || told === createHash('sha256').update(bytes).digest('base64');
  return isWhole && isSame ? bytes : undefined;
}

const etagOf = (bytes: Buffer) => `"${createHash('md5').update(bytes).digest('hex')}"`;

const xml = (status: number, body: string): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${body}`),
});

const refuse = (status: number, code: string, more = '') =>
  xml(status, `<Error><Code>${code}</Code><Message>${code}</Message>${more}</Error>`);
