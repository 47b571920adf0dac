/** Multipart requests: each file is written to disk as it arrives, then the operation is assembled with its files. */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Limits } from '../../runtime/limits.ts';
import { readChunks } from '../http/body.ts';
import { badRequest } from '../http/http-error.ts';
import { UploadForm } from './upload-form.ts';

/** The caller has to call `discard`, which removes the files, when the operation is over. */
export type ReceivedUpload = { operations: object; discard: () => Promise<void> };

const folderPrefix = 'upload-';

/** Older than any upload of another process can be. */
const abandonedMs = 24 * 60 * 60_000;

/** Creates the folder, and removes what killed processes left in it; where other processes use it too, only what is old. */
export async function openUploadsFolder(folder: string, isAlone: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  const left = (await readdir(folder))
    .filter((name) => name.startsWith(folderPrefix))
    .map((name) => join(folder, name));
  const isLeft = async (path: string) => isAlone || Date.now() - (await stat(path)).mtimeMs > abandonedMs;
  await Promise.all(
    left.map(async (path) => {
      // Another process may have removed it by now.
      if (await isLeft(path).catch(() => false)) await rm(path, { recursive: true, force: true });
    }),
  );
}

/** Throws HttpError for a malformed request or one over a limit. When it throws, nothing is left on disk. */
export async function receiveUpload(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  limits: Limits,
): Promise<ReceivedUpload> {
  const folderOfRequest = await mkdtemp(join(folder, folderPrefix));
  const discard = () => rm(folderOfRequest, { recursive: true, force: true });
  let form: UploadForm | undefined;
  try {
    form = new UploadForm(request.headers, folderOfRequest, limits);
    const limit = { maxBytes: limits.uploadBytes, timeoutMs: limits.uploadTimeoutMs };
    await pipeline(readChunks(request, response, limit), form.parser);
    return { operations: await form.finish(), discard };
  } catch (error) {
    await form?.abandon();
    await discard();
    throw isParserError(error) ? badRequest(`The multipart body is malformed: ${error.message}.`) : error;
  }
}

/** busboy's own errors have neither a class nor a code. */
const isParserError = (error: unknown): error is Error =>
  error instanceof Error && error.constructor === Error && !('code' in error);
