/** The parts of one multipart request, in the specification's order: operations, map, then files. */
import { createWriteStream } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import { UploadedFile } from '../../storage/uploaded-file.ts';
import { badRequest, HttpError } from '../http/http-error.ts';
import type { Limits } from '../limits/limits.ts';
import { type Place, parseMap, parseOperations } from './upload-map.ts';

/** busboy marks the file that it has cut off at its limit. */
type Part = Readable & { truncated?: boolean };

export class UploadForm {
  /** Takes the request's bytes; fails with an HttpError for what it refuses. */
  readonly parser: busboy.Busboy;
  readonly #home: string;
  readonly #limits: Limits;
  #operations: object | undefined;
  #places: Map<string, Place[]> | undefined;
  readonly #files = new Map<string, Promise<UploadedFile>>();

  /** `home` is a folder of this request's own. */
  constructor(headers: IncomingHttpHeaders, home: string, limits: Limits) {
    this.#home = home;
    this.#limits = limits;
    this.parser = createParser(headers, limits);
    this.parser.on('field', (name, value, info) => {
      this.#orRefuse(() => this.#takeField(name, value, info.valueTruncated));
    });
    this.parser.on('file', (name, bytes, info) => {
      // Destroyed with the form; whoever reads the part hears of it on their own.
      bytes.on('error', () => undefined);
      this.#orRefuse(() => this.#takeFile(name, bytes, info.filename ?? ''));
    });
    this.parser.on('filesLimit', () => {
      this.parser.destroy(badRequest(`A request may bring ${limits.uploadFiles} files at most.`));
    });
    this.parser.on('fieldsLimit', () => {
      this.parser.destroy(badRequest('A multipart request has two fields, "operations" and "map".'));
    });
  }

  /** The operation with its files in their places, once every byte is on disk. Only after the parser has finished. */
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

  /** Resolves when nothing is written any more. */
  async abandon(): Promise<void> {
    this.parser.destroy();
    await Promise.allSettled(this.#files.values());
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

  #takeFile(part: string, bytes: Part, fileName: string): void {
    if (this.#places === undefined)
      throw badRequest('The fields "operations" and "map" have to come before the files.');
    if (this.#files.has(part)) throw badRequest(`The file "${part}" came twice.`);
    if (!this.#places.has(part)) {
      bytes.resume();
      return;
    }
    const file = writeFile(bytes, fileName, join(this.#home, String(this.#files.size)));
    // Ends the request at once; `finish` and `abandon` see the same failure later.
    file.catch((error: Error) => this.parser.destroy(error));
    this.#files.set(part, file);
  }

  #orRefuse(take: () => void): void {
    try {
      take();
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
        // busboy calls a file cut off when it reaches its limit; ours may be exactly as large as the limit.
        fileSize: limits.fileBytes + 1,
      },
    });
  } catch {
    throw badRequest('The content-type of a multipart request has to name its boundary.');
  }
}
