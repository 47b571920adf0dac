/** One multipart request: its parts come in the specification's order: operations, map, then files. */
import { createWriteStream } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import type { Limits } from '../../runtime/limits.ts';
import { UploadedFile } from '../../storage/uploaded-file.ts';
import { badRequest, HttpError } from '../http/http-error.ts';
import { type Placeholder, parseMap, parseOperations } from './upload-map.ts';

/** busboy sets `truncated` on a file that it cut off at the limit. */
type Part = Readable & { truncated?: boolean };

export class UploadForm {
  /** Write the request's bytes to it. It fails with an HttpError for a part that is refused. */
  readonly parser: busboy.Busboy;
  readonly #folder: string;
  readonly #limits: Limits;
  #operations: object | undefined;
  #placeholders: Map<string, Placeholder[]> | undefined;
  readonly #files = new Map<string, Promise<UploadedFile>>();

  /** `folder` belongs to this request alone. */
  constructor(headers: IncomingHttpHeaders, folder: string, limits: Limits) {
    this.#folder = folder;
    this.#limits = limits;
    this.parser = createParser(headers, limits);
    this.parser.on('field', (name, value, info) => {
      this.#destroyOnError(() => this.#readField(name, value, info.valueTruncated));
    });
    this.parser.on('file', (name, bytes, info) => {
      // The part is destroyed with the form; its reader gets the error from its own stream.
      bytes.on('error', () => undefined);
      this.#destroyOnError(() => this.#readFile(name, bytes, info.filename ?? ''));
    });
    this.parser.on('filesLimit', () => {
      this.parser.destroy(badRequest(`A request may have at most ${limits.uploadFiles} files.`));
    });
    this.parser.on('fieldsLimit', () => {
      this.parser.destroy(badRequest('A multipart request has two fields, "operations" and "map".'));
    });
  }

  /** The operation with its files, once every byte is on disk. To be called after the parser has finished. */
  async finish(): Promise<object> {
    if (this.#operations === undefined) throw badRequest('The field "operations" is missing.');
    if (this.#placeholders === undefined) throw badRequest('The field "map" is missing.');
    for (const [part, placeholders] of this.#placeholders) {
      const file = await this.#files.get(part);
      if (file === undefined) throw badRequest(`The file "${part}" of "map" is missing.`);
      for (const { holder, key } of placeholders) holder[key] = file;
    }
    return this.#operations;
  }

  /** Resolves when nothing is being written any more. */
  async abandon(): Promise<void> {
    this.parser.destroy();
    await Promise.allSettled(this.#files.values());
  }

  #readField(name: string, value: string, isTruncated: boolean): void {
    if (isTruncated) {
      const message = `The field "${name}" may have at most ${this.#limits.requestBytes} bytes.`;
      throw new HttpError(413, 'REQUEST_TOO_LARGE', message);
    }
    if (name === 'operations') {
      if (this.#operations !== undefined) throw badRequest('The field "operations" came twice.');
      this.#operations = parseOperations(value);
    }
    if (name === 'map') {
      if (this.#operations === undefined) throw badRequest('The field "operations" has to come before "map".');
      if (this.#placeholders !== undefined) throw badRequest('The field "map" came twice.');
      this.#placeholders = parseMap(value, this.#operations, this.#limits.uploadFiles);
    }
  }

  #readFile(part: string, bytes: Part, fileName: string): void {
    if (this.#placeholders === undefined)
      throw badRequest('The fields "operations" and "map" have to come before the files.');
    if (this.#files.has(part)) throw badRequest(`The file "${part}" came twice.`);
    if (!this.#placeholders.has(part)) {
      bytes.resume();
      return;
    }
    const file = writeFile(bytes, fileName, join(this.#folder, String(this.#files.size)));
    // Ends the request at once; `finish` and `abandon` see the same error later.
    file.catch((error: Error) => this.parser.destroy(error));
    this.#files.set(part, file);
  }

  #destroyOnError(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.parser.destroy(error as Error);
    }
  }
}

async function writeFile(bytes: Part, fileName: string, path: string): Promise<UploadedFile> {
  const disk = createWriteStream(path, { flags: 'wx' });
  await pipeline(bytes, disk);
  return new UploadedFile({ fileName, path, byteSize: disk.bytesWritten, isTruncated: bytes.truncated === true });
}

function createParser(headers: IncomingHttpHeaders, limits: Limits): busboy.Busboy {
  try {
    return busboy({
      headers,
      defParamCharset: 'utf8',
      limits: {
        fieldSize: limits.requestBytes,
        fields: 4,
        files: limits.uploadFiles,
        // busboy cuts a file off when it reaches the limit; a file here may be exactly as large as the limit.
        fileSize: limits.fileBytes + 1,
      },
    });
  } catch {
    throw badRequest('The content-type of a multipart request has to name its boundary.');
  }
}
