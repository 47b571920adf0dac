/** A training's archive: fetched, opened, every image of it decoded to the last byte. */
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

const fewestImages = 4;
const mostEntries = 1000;
const largestImageBytes = 64 * 2 ** 20;
const largestArchiveBytes = 2 ** 30;
const mostPixels = 100e6;
const downloadMs = 60_000;

export type Dataset = { images: number; colours: string[] };

/** Thrown within reading, for what fal would say of the archive. */
class Refused extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super('refused');
    this.failure = failure;
  }
}

/** The archive at the URL that the field named: what is in it, or why fal refuses it. Throws when the signal aborts. */
export async function readDataset(
  field: string,
  url: string,
  { storage, signal }: { storage: Storage; signal: AbortSignal },
): Promise<Dataset | Failure> {
  const refuse = (type: string, msg: string, ctx?: object) => new Refused(fieldFailure([field], type, msg, url, ctx));
  const own = fileIdOf(url);
  const downloaded = join(storage.scratch, `dataset-${randomFrom(url, Date.now()).next()}`);
  try {
    return await readArchive(own === undefined ? await download() : ownFile(own));
  } catch (error) {
    if (error instanceof Refused) return error.failure;
    throw error;
  } finally {
    await rm(downloaded, { force: true });
  }

  function ownFile(id: string): string {
    const file = storage.find(id);
    if (file === undefined) throw refuse('file_download_error', 'Failed to download the file.');
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
          done(bytes > largestArchiveBytes ? new Error('too large') : null, chunk);
        },
      });
      const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
      await pipeline(body, bounded, createWriteStream(downloaded));
      return downloaded;
    } catch {
      signal.throwIfAborted();
      throw refuse('file_download_error', 'Failed to download the file. Make sure the URL is accessible.');
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
        if (archive.entryCount > mostEntries || bytes > largestArchiveBytes) throw unreadable();
        if (!isImage(entry)) continue;
        pixels.push(...(await decode(archive, entry)));
        images += 1;
      }
    } finally {
      archive.close();
    }
    if (images < fewestImages) {
      const supported = ['.jpg', '.jpeg', '.png', '.webp'];
      throw refuse(
        'archive_file_count_below_minimum',
        `Too few files in the archive. Expected at least ${fewestImages} images, found ${images}.`,
        { min_count: fewestImages, provided_count: images, supported_extensions: supported },
      );
    }
    return { images, colours: mainColours(pixels) };
  }

  async function* entriesOf(archive: ZipFile): AsyncIterable<Entry> {
    try {
      yield* archive.eachEntry();
    } catch (error) {
      throw error instanceof Refused ? error : unreadable();
    }
  }

  async function decode(archive: ZipFile, entry: Entry): Promise<Pixel[]> {
    if (entry.uncompressedSize > largestImageBytes) throw unloadable(entry);
    try {
      const bytes = await buffer(await archive.openReadStreamPromise(entry));
      // Sixteen pixels are enough to learn the colours from, and making them reads the whole image.
      const image = sharp(bytes, { failOn: 'error', limitInputPixels: mostPixels }).removeAlpha().toColourspace('srgb');
      const raw = await image.resize(4, 4, { fit: 'fill' }).raw().toBuffer();
      return Array.from({ length: 16 }, (_, i): Pixel => [raw[i * 3] ?? 0, raw[i * 3 + 1] ?? 0, raw[i * 3 + 2] ?? 0]);
    } catch {
      throw unloadable(entry);
    }
  }

  function unreadable(): Refused {
    const msg = "Could not read or process the provided archive. Ensure it's a valid, non-corrupted archive.";
    return refuse('invalid_archive', msg, { supported_extensions: ['.zip'] });
  }

  function unloadable(entry: Entry): Refused {
    return refuse('image_load_error', `Failed to load the image ${entry.fileName}. It is corrupted or not supported.`);
  }
}

/** Captions and what operating systems put into archives are passed over; whatever else is there must be an image. */
function isImage({ fileName }: Entry): boolean {
  const name = fileName.split('/').at(-1) ?? '';
  return name !== '' && !name.startsWith('.') && !fileName.startsWith('__MACOSX/') && !/\.(txt|json)$/i.test(name);
}
