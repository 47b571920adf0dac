/** Requests with files: each file goes to disk as it comes, and the operation that waits for them is put together. */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import { UploadedFile } from '../upload.ts';
import { readChunks } from './body.ts';
import { badRequest, HttpError } from './http-error.ts';
import type { Limits } from './limits.ts';
import { type Place, parseMap, parseOperations } from './upload-map.ts';

/** `discard` removes its files; the request's answer waits for nothing else. */
export type Received = { operations: object; discard: () => Promise<void> };

const folderPrefix = 'upload-';

/** Makes the folder of uploads; what a killed process left in it is removed. Nothing else may be using it. */
export async function openUploadsFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const left = (await readdir(folder)).filter((name) => name.startsWith(folderPrefix));
  await Promise.all(left.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

/** Throws HttpError for what is malformed or over a limit, and whatever else goes wrong; then nothing is left on disk. */
export async function receiveUpload(
  request: IncomingMessage,
  response: ServerResponse,
  folder: string,
  limits: Limits,
): Promise<Received> {
  const form = openForm(request, limits);
  const home = await mkdtemp(join(folder, folderPrefix));
  const discard = () => rm(home, { recursive: true, force: true });
  const collector = new Collector(form, home, limits);
  try {
    const limit = { maxBytes: limits.uploadBytes, timeoutMs: limits.uploadTimeoutMs };
    await pipeline(readChunks(request, response, limit), form);
    return { operations: await collector.finish(), discard };
  } catch (error) {
    await collector.abandon();
    await discard();
    throw collector.isMalformed(error) ? badRequest(`The multipart body is malformed: ${error.message}.`) : error;
  }
}

function openForm(request: IncomingMessage, limits: Limits): busboy.Busboy {
  try {
    return busboy({
      headers: request.headers,
      defParamCharset: 'utf8',
      limits: {
        fieldSize: limits.requestBytes,
        fields: 4,
        files: limits.uploadFiles,
        // busboy calls a file truncated when it reaches its limit; ours may be exactly as large as the limit.
        fileSize: limits.fileBytes + 1,
      },
    });
  } catch {
    throw badRequest('The content-type of a multipart request has to name its boundary.');
  }
}

/** Takes the parts in the specification's order: operations, map, then files. */
class Collector {
  readonly #form: busboy.Busboy;
  readonly #home: string;
  readonly #limits: Limits;
  #operations: object | undefined;
  #places: Map<string, Place[]> | undefined;
  readonly #files = new Map<string, Promise<UploadedFile>>();

  constructor(form: busboy.Busboy, home: string, limits: Limits) {
    this.#form = form;
    this.#home = home;
    this.#limits = limits;
    form.on('field', (name, value, info) => this.#try(() => this.#takeField(name, value, info.valueTruncated)));
    form.on('file', (name, bytes, info) => {
      // Destroyed with the form; whoever reads the file hears of it on their own.
      bytes.on('error', () => undefined);
      this.#try(() => this.#takeFile(name, bytes, info.filename ?? ''));
    });
    form.on('filesLimit', () => form.destroy(badRequest(`A request may bring ${limits.uploadFiles} files at most.`)));
    form.on('fieldsLimit', () =>
      form.destroy(badRequest('A multipart request has two fields, "operations" and "map".')),
    );
  }

  /** The operation with its files in their places, once every byte is on disk. */
  async finish(): Promise<object> {
    if (this.#operations === undefined) throw badRequest('The field "operations" is missing.');
    if (this.#places === undefined) throw badRequest('The field "map" is missing.');
    for (const [part, places] of this.#places) {
      const file = await this.#files.get(part);
      if (file === undefined) throw badRequest(`The file "${part}" of "map" is missing.`);
      for (const { holder, key } of places) holder[key] = file;
    }
    return this.#operations;
  }

  /** Lets go of the disk. */
  async abandon(): Promise<void> {
    this.#form.destroy();
    await Promise.allSettled(this.#files.values());
  }

  /** busboy's own complaints have no class and no code. */
  isMalformed(error: unknown): error is Error {
    return error instanceof Error && error.constructor === Error && !('code' in error);
  }

  #takeField(name: string, value: string, isTruncated: boolean): void {
    if (isTruncated) {
      const message = `The field "${name}" may have ${this.#limits.requestBytes} bytes at most.`;
      throw new HttpError(413, 'REQUEST_TOO_LARGE', message);
    }
    if (name === 'operations') {
      if (this.#operations !== undefined) throw badRequest('The field "operations" came twice.');
      this.#operations = parseOperations(value);
    }
    if (name === 'map') {
      if (this.#operations === undefined) throw badRequest('The field "operations" has to come before "map".');
      if (this.#places !== undefined) throw badRequest('The field "map" came twice.');
      this.#places = parseMap(value, this.#operations, this.#limits.uploadFiles);
    }
  }

  #takeFile(part: string, bytes: Readable & { truncated?: boolean }, fileName: string): void {
    if (this.#places === undefined)
      throw badRequest('The fields "operations" and "map" have to come before the files.');
    if (this.#files.has(part)) throw badRequest(`The file "${part}" came twice.`);
    if (!this.#places.has(part)) {
      bytes.resume();
      return;
    }
    const file = this.#write(bytes, fileName, join(this.#home, String(this.#files.size)));
    // A failure to write ends the request; what is awaited later is the same promise.
    file.catch((error: Error) => this.#form.destroy(error));
    this.#files.set(part, file);
  }

  async #write(bytes: Readable & { truncated?: boolean }, fileName: string, path: string): Promise<UploadedFile> {
    const disk = createWriteStream(path, { flags: 'wx' });
    await pipeline(bytes, disk);
    return new UploadedFile({ fileName, path, byteSize: disk.bytesWritten, isCutOff: bytes.truncated === true });
  }

  #try(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#form.destroy(error as Error);
    }
  }
}
