/**
 * Downloads files of results, from fal's hosts only. Limits their size and the silence between bytes, and fails when a file
 * is incomplete.
 */
import { type Readable, Transform } from 'node:stream';
import { FalError } from './errors.ts';
import { isFalFile } from './http/hosts.ts';
import { unavailable } from './http/json-request.ts';
import type { Transport } from './http/transport.ts';
import { NoResponse } from './http/transport-errors.ts';

const maxRedirects = 3;

export type DownloadLimits = {
  maxBytes: number;
  /** The longest wait for the response's headers, and between its bytes. */
  idleMs: number;
  signal?: AbortSignal | undefined;
};

/** Implements `download` of the port. */
export async function download(transport: Transport, url: string, limits: DownloadLimits): Promise<Readable> {
  let at = fileUrl(transport, url);
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    const response = await transport.fetchFile(at.href, { name: 'download', ...limits }).catch((error: unknown) => {
      throw error instanceof NoResponse ? unavailable(error) : error;
    });
    const location = response.headers['location'];
    if (response.status >= 300 && response.status < 400 && typeof location === 'string') {
      response.body.destroy();
      at = fileUrl(transport, new URL(location, at).href);
      continue;
    }
    if (response.status !== 200) {
      response.body.destroy();
      throw refusalOfFile(response.status);
    }
    return limitSize(response.body, Number(response.headers['content-length'] ?? Number.NaN), limits);
  }
  throw new FalError('RESULT_LOST', `The file is redirected more than ${maxRedirects} times.`);
}

function fileUrl(transport: Transport, url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !(isFalFile(parsed) || transport.isBase(parsed))) {
    throw new FalError('RESULT_LOST', "The result names a file that is not on one of fal's hosts.");
  }
  return parsed;
}

function refusalOfFile(status: number): FalError {
  const transient = status >= 500 || status === 408 || status === 425 || status === 429;
  return transient
    ? new FalError('FAL_UNAVAILABLE', `fal's file storage responded with status ${status}.`, { transient, status })
    : new FalError('RESULT_LOST', `fal no longer has the file (${status}).`, { status });
}

/**
 * Passes the bytes on. Fails after `maxBytes`, or when the body ends before `expectedBytes` (NaN when unknown). Destroying
 * it closes the connection.
 */
function limitSize(body: Readable, expectedBytes: number, { maxBytes }: DownloadLimits): Readable {
  const tooLarge = (): FalError => new FalError('RESULT_LOST', `The file is larger than ${maxBytes} bytes.`);
  if (expectedBytes > maxBytes) {
    body.destroy();
    throw tooLarge();
  }
  let bytes = 0;
  const out = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBytes) done(tooLarge());
      else done(null, chunk);
    },
    flush(done) {
      done(Number.isNaN(expectedBytes) || bytes === expectedBytes ? null : incomplete(bytes, expectedBytes));
    },
    destroy(error, done) {
      body.destroy();
      done(error);
    },
  });
  // Reading throws the error. An error before the first read must not end the process.
  out.on('error', () => undefined);
  body.once('error', (error) => out.destroy(incomplete(bytes, expectedBytes, error)));
  return body.pipe(out);
}

function incomplete(bytes: number, expectedBytes: number, cause?: Error): FalError {
  const of = Number.isNaN(expectedBytes) ? '' : ` of ${expectedBytes}`;
  return new FalError('FAL_UNAVAILABLE', `The file broke off after ${bytes}${of} bytes.`, { transient: true, cause });
}
