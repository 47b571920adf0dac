/** Files of results, read with limits: fal's hosts only, so many bytes, never silent for long, whole or not at all. */
import { type Readable, Transform } from 'node:stream';
import { FalError } from './errors.ts';
import { unavailable } from './exchange.ts';
import { isFalFile } from './hosts.ts';
import { type Transport, Unanswered } from './transport.ts';

const maxRedirects = 3;

export type DownloadLimits = {
  maxBytes: number;
  /** To the answer's headers, and between its bytes. */
  idleMs: number;
  signal?: AbortSignal | undefined;
};

/** As the port's download. */
export async function download(transport: Transport, url: string, limits: DownloadLimits): Promise<Readable> {
  let at = fileUrl(transport, url);
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    const answer = await transport.fetchFile(at.href, { name: 'download', ...limits }).catch((error: unknown) => {
      throw error instanceof Unanswered ? unavailable(error) : error;
    });
    const location = answer.headers['location'];
    if (answer.status >= 300 && answer.status < 400 && typeof location === 'string') {
      answer.body.destroy();
      at = fileUrl(transport, new URL(location, at).href);
      continue;
    }
    if (answer.status !== 200) {
      answer.body.destroy();
      throw refusalOfFile(answer.status);
    }
    return counted(answer.body, Number(answer.headers['content-length'] ?? Number.NaN), limits);
  }
  throw new FalError('RESULT_LOST', 'The file is redirected too often.');
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
    ? new FalError('FAL_UNAVAILABLE', `fal's file store answered ${status}.`, { transient, status })
    : new FalError('RESULT_LOST', `fal no longer has the file (${status}).`, { status });
}

/**
 * Passes the bytes on and fails past `maxBytes` or short of `expectedBytes` (NaN when unknown). Destroying it closes
 * the connection.
 */
function counted(body: Readable, expectedBytes: number, { maxBytes }: DownloadLimits): Readable {
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
      done(Number.isNaN(expectedBytes) || bytes === expectedBytes ? null : brokenOff(bytes, expectedBytes));
    },
    destroy(error, done) {
      body.destroy();
      done(error);
    },
  });
  // Whoever reads is told by the read: what breaks before there is a reader must not end the process.
  out.on('error', () => undefined);
  body.once('error', (error) => out.destroy(brokenOff(bytes, expectedBytes, error)));
  return body.pipe(out);
}

function brokenOff(bytes: number, expectedBytes: number, cause?: Error): FalError {
  const of = Number.isNaN(expectedBytes) ? '' : ` of ${expectedBytes}`;
  return new FalError('FAL_UNAVAILABLE', `The file broke off after ${bytes}${of} bytes.`, { transient: true, cause });
}
