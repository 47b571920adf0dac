/** Answers a request for one of our files by a signed URL. It knows neither the file's owner nor Node's server. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { FileNotFound, type OpenFile, StorageUnavailable } from './blob-store.ts';
import type { FileStore } from './file-store.ts';
import { parseRange } from './range.ts';
import { contentTypes, parseRendition, type Rendition } from './rendition.ts';
import { renditionKey } from './renditions.ts';
import { expiresAt, type SignedUrls } from './signed-urls.ts';

export type FileRequest = { method: string | undefined; url: URL; headers: IncomingHttpHeaders };

/** The receiver reads the stream to its end or destroys it. */
export type FileResponse = {
  status: number;
  headers: Record<string, string | number>;
  body: Readable | Uint8Array | null;
};

/** A file that may be served. A browser saves it under `fileName`. */
export type ServedFile = { hash: string; contentType: string; fileName: string };

type Parts = { files: FileStore; urls: SignedUrls; now: () => Date };

/** Calls `find` only when the signature is valid. */
export async function serveSigned(
  { files, urls, now }: Parts,
  request: FileRequest,
  find: () => Promise<ServedFile | null>,
): Promise<FileResponse> {
  const { url, method = 'GET', headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return refuse(405, 'Only GET and HEAD.', { allow: 'GET, HEAD' });
  const signature = urls.verify(url);
  if (signature === 'FORGED') return refuse(403, 'This URL was not signed by this server.');
  if (signature === 'EXPIRED') return refuse(403, 'This URL has expired. Ask the API for a new one.');
  const file = await find();
  if (file === null) return refuse(404, 'This file no longer exists.');
  const { expires: _expires, signature: _signature, ...parameters } = Object.fromEntries(url.searchParams);
  try {
    const rendition = parseRendition(parameters, file.contentType);
    const common = commonHeaders(file, rendition, expiresAt(url).getTime() - now().getTime());
    if (isFresh(headers, common.etag)) return { status: 304, headers: common, body: null };
    const opened = await (rendition ? files.render(file.hash, rendition) : files.open(file.hash));
    return await answer(opened, method === 'HEAD', rendition ? {} : headers, common);
  } catch (error) {
    if (error instanceof InvalidInputError) return refuse(400, error.message);
    // The file was removed after its row was read.
    if (error instanceof FileNotFound) return refuse(404, 'This file no longer exists.');
    if (error instanceof StorageUnavailable)
      return refuse(503, 'The files cannot be read at the moment.', { 'retry-after': '5' });
    throw error;
  }
}

/** A response with a one-line JSON body. */
export function refuse(status: number, error: string, headers: Record<string, string> = {}): FileResponse {
  const body = Buffer.from(`${JSON.stringify({ error })}\n`);
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    body,
  };
}

type CommonHeaders = ReturnType<typeof commonHeaders>;

/** The headers make a browser show a user's file as a picture and nothing else, isolated from this server's pages. */
function commonHeaders(file: ServedFile, rendition: Rendition | undefined, freshMs: number) {
  const contentType = rendition ? contentTypes[rendition.format] : file.contentType;
  return {
    'content-type': contentType,
    'content-disposition': inline(file.fileName, contentType),
    // A rendition is always sent whole: it may be drawn anew between two ranges, with other bytes.
    'accept-ranges': rendition ? 'none' : 'bytes',
    etag: rendition ? `"${file.hash}-${renditionKey(rendition)}"` : `"${file.hash}"`,
    // A URL leads to the same bytes until it expires.
    'cache-control': `private, max-age=${Math.max(0, Math.floor(freshMs / 1000))}, immutable`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'cross-origin-resource-policy': 'cross-origin',
  };
}

/** The file name with the extension of the served format: in ASCII for old clients, and in full for others (RFC 6266). */
function inline(fileName: string, contentType: string): string {
  const ending = contentType.replace('image/', '').replace('jpeg', 'jpg');
  const name = `${fileName.replace(/\.[^.]*$/, '') || 'picture'}.${ending}`;
  const ascii = name.replaceAll(/[^\w .-]/g, '_');
  const whole = encodeURIComponent(name).replaceAll(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`);
  return `inline; filename="${ascii}"; filename*=UTF-8''${whole}`;
}

function isFresh(headers: IncomingHttpHeaders, etag: string): boolean {
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*');
}

/** Without request headers the response is the whole file. The file is closed, at the latest with its stream. */
async function answer(
  file: OpenFile,
  isHead: boolean,
  headers: IncomingHttpHeaders,
  common: CommonHeaders,
): Promise<FileResponse> {
  const size = file.byteSize;
  const isSame = headers['if-range'] === undefined || headers['if-range'] === common.etag;
  const range = isSame && !isHead ? parseRange(headers.range, size) : undefined;
  if (range === 'UNSATISFIABLE') {
    await file.close();
    return refuse(416, 'The file has no such bytes.', { 'content-range': `bytes */${size}` });
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const body = isHead || size === 0 ? null : await file.read(range);
  if (body === null) await file.close();
  return {
    status: range ? 206 : 200,
    headers: {
      ...common,
      'content-length': end - start + 1,
      ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
    },
    body,
  };
}
