/** Reads a training's archive: downloads it, opens it, and decodes every image completely. */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import sharp from 'sharp';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { fieldFailure } from '../queue/input.ts';
import type { Failure } from '../queue/request.ts';
import { randomFrom } from '../random.ts';
import { fileIdOf, type Storage } from '../storage/files.ts';
import { mainColours, type Pixel } from './colours.ts';

const minImages = 4;
const maxEntries = 1000;
const maxImageBytes = 64 * 2 ** 20;
const maxArchiveBytes = 2 ** 30;
const maxPixels = 100e6;
const downloadMs = 60_000;

export type Dataset = { images: number; colours: string[] };

/** Thrown inside readDataset for an error that fal would report about the archive. */
class ArchiveRejected extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super('archive rejected');
    this.failure = failure;
  }
}

/** The contents of the archive at `url`, or fal's error about `field`. Throws when the signal aborts. */
export async function readDataset(
  field: string,
  url: string,
  { storage, signal }: { storage: Storage; signal: AbortSignal },
): Promise<Dataset | Failure> {
  const reject = (type: string, msg: string, ctx?: object) =>
    new ArchiveRejected(fieldFailure([field], type, msg, url, ctx));
  const own = fileIdOf(url);
  const downloaded = join(storage.scratch, `dataset-${randomFrom(url, Date.now()).next()}`);
  try {
    return await readArchive(own === undefined ? await download() : ownFile(own));
  } catch (error) {
    if (error instanceof ArchiveRejected) return error.failure;
    throw error;
  } finally {
    await rm(downloaded, { force: true });
  }

  function ownFile(id: string): string {
    const file = storage.find(id);
    if (file === undefined) throw reject('file_download_error', 'Failed to download the file.');
    return storage.pathOf(file);
  }

  async function download(): Promise<string> {
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(downloadMs)]) });
      if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
      let bytes = 0;
      const bounded = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length;
          done(bytes > maxArchiveBytes ? new Error('too large') : null, chunk);
        },
      });
      const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
      await pipeline(body, bounded, createWriteStream(downloaded));
      return downloaded;
    } catch {
      signal.throwIfAborted();
      throw reject('file_download_error', 'Failed to download the file. Make sure the URL is accessible.');
    }
  }

  async function readArchive(path: string): Promise<Dataset> {
    const archive = await openPromise(path).catch(() => undefined);
    if (archive === undefined) throw unreadable();
    const pixels: Pixel[] = [];
    let images = 0;
    let bytes = 0;
    try {
      for await (const entry of entriesOf(archive)) {
        bytes += entry.uncompressedSize;
        if (archive.entryCount > maxEntries || bytes > maxArchiveBytes) throw unreadable();
        if (!isImage(entry)) continue;
        pixels.push(...(await decode(archive, entry)));
        images += 1;
      }
    } finally {
      archive.close();
    }
    if (images < minImages) {
      const supported = ['.jpg', '.jpeg', '.png', '.webp'];
      throw reject(
        'archive_file_count_below_minimum',
        `Too few files in the archive. Expected at least ${minImages} images, found ${images}.`,
        { min_count: minImages, provided_count: images, supported_extensions: supported },
      );
    }
    return { images, colours: mainColours(pixels) };
  }

  async function* entriesOf(archive: ZipFile): AsyncIterable<Entry> {
    try {
      yield* archive.eachEntry();
    } catch (error) {
      throw error instanceof ArchiveRejected ? error : unreadable();
    }
  }

  async function decode(archive: ZipFile, entry: Entry): Promise<Pixel[]> {
    if (entry.uncompressedSize > maxImageBytes) throw unloadable(entry);
    try {
      const bytes = await buffer(await archive.openReadStreamPromise(entry));
      // Sixteen pixels give the main colours, and making them decodes the whole image.
      const image = sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels }).removeAlpha().toColourspace('srgb');
      const raw = await image.resize(4, 4, { fit: 'fill' }).raw().toBuffer();
      return Array.from({ length: 16 }, (_, i): Pixel => [raw[i * 3] ?? 0, raw[i * 3 + 1] ?? 0, raw[i * 3 + 2] ?? 0]);
    } catch {
      throw unloadable(entry);
    }
  }

  function unreadable(): ArchiveRejected {
    const msg = "Could not read or process the provided archive. Ensure it's a valid, non-corrupted archive.";
    return reject('invalid_archive', msg, { supported_extensions: ['.zip'] });
  }

  function unloadable(entry: Entry): ArchiveRejected {
    return reject('image_load_error', `Failed to load the image ${entry.fileName}. It is corrupted or not supported.`);
  }
}

/** Captions and files of operating systems are ignored; every other file must be an image. */
function isImage({ fileName }: Entry): boolean {
  const name = fileName.split('/').at(-1) ?? '';
  return name !== '' && !name.startsWith('.') && !fileName.startsWith('__MACOSX/') && !/\.(txt|json)$/i.test(name);
}
