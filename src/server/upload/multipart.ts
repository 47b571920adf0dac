/** Requests with files: each file goes to disk as it comes, and the operation that waits for them is put together. */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readChunks } from '../http/body.ts';
import { badRequest } from '../http/http-error.ts';
import type { Limits } from '../limits/limits.ts';
import { UploadForm } from './upload-form.ts';

/** `discard` removes the files, and is to be called whatever becomes of the operation. */
export type Received = { operations: object; discard: () => Promise<void> };

const folderPrefix = 'upload-';

/** Older than any upload that another process may have under way. */
const abandonedMs = 24 * 60 * 60_000;

/** Makes the folder of uploads; what a killed process left in it is removed, at once only where no other may be using it. */
export async function openUploadsFolder(folder: string, isAlone: boolean): Promise<void> {
  await mkdir(folder, { recursive: true });
  const left = (await readdir(folder))
    .filter((name) => name.startsWith(folderPrefix))
    .map((name) => join(folder, name));
  const isLeft = async (path: string) => isAlone || Date.now() - (await stat(path)).mtimeMs > abandonedMs;
  await Promise.all(
    left.map(async (path) => {
      // Gone in between is as good.
      if (await isLeft(path).catch(() => false)) await rm(path, { recursive: true, force: true });
    }),
  );
}

/** Throws HttpError for what is malformed or over a limit, and whatever else goes wrong; then nothing is left on disk. */
export async function receiveUpload(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  limits: Limits,
): Promise<Received> {
  const home = await mkdtemp(join(folder, folderPrefix));
  const discard = () => rm(home, { recursive: true, force: true });
  let form: UploadForm | undefined;
  try {
    form = new UploadForm(request.headers, home, limits);
    const limit = { maxBytes: limits.uploadBytes, timeoutMs: limits.uploadTimeoutMs };
    await pipeline(readChunks(request, response, limit), form.parser);
    return { operations: await form.finish(), discard };
  } catch (error) {
    await form?.abandon();
    await discard();
    throw isOfParser(error) ? badRequest(`The multipart body is malformed: ${error.message}.`) : error;
  }
}

/** busboy's own complaints have neither a class nor a code. */
const isOfParser = (error: unknown): error is Error =>
  error instanceof Error && error.constructor === Error && !('code' in error);
