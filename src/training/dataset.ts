/** Packs an avatar's photos, without their metadata, into the archive that fal trains with. */
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { App } from '../app/app.ts';
import { decoding, picture } from '../storage/decoder.ts';

/** The archive, until it is removed: whoever packed it removes it. */
export type Dataset = {
  /** Read from disk as it is sent; it does not outlive `remove`. */
  blob: Blob;
  sha256: string;
  photoCount: number;
  remove(): Promise<void>;
};

/** In pixels. fal trains at about 1024, so twice that loses nothing, and 20 photos have at most about 30 MB. */
const longestSide = 2048;

/**
 * Packs the avatar's photos as 001.jpg, 002.jpg … in the order in which they were added. Each photo is encoded again:
 * upright, in sRGB and without metadata such as the place and the camera. The same photos give the same bytes. Streams to
 * a temporary file, one photo in memory at a time. Throws FileNotFound when a photo's file is missing.
 */
export async function packDataset(
  { prisma, files }: Pick<App, 'prisma' | 'files'>,
  avatarId: string,
  signal?: AbortSignal,
): Promise<Dataset> {
  const photos = await prisma.photo.findMany({
    where: { avatarId },
    orderBy: { position: 'asc' },
    select: { fileHash: true },
  });
  const path = await files.newTemporaryPath();
  const remove = () => rm(path, { force: true });
  try {
    const hash = createHash('sha256');
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    const archive = zip(
      photos.map(
        ({ fileHash }) =>
          () =>
            files.withLocalFile(fileHash, toTrainingJpeg),
      ),
    );
    // Opens the file before the signal can abort, so that nothing creates it again after remove().
    const file = await open(path, 'wx');
    await pipeline(archive, hashing, file.createWriteStream(), signal ? { signal } : {});
    const blob = await openAsBlob(path, { type: 'application/zip' });
    return { blob, sha256: hash.digest('hex'), photoCount: photos.length, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A fixed date and mode, so that the same photos give the same bytes. JPEG does not compress further. */
const entry = { mtime: new Date(1980, 0, 1), mode: 0o100644, forceDosTimestamp: true, compress: false };

function zip(photos: (() => Promise<Buffer>)[]): Readable {
  const archive = new ZipFile();
  const output = archive.outputStream as Readable;
  archive.on('error', (error: Error) => output.destroy(error));
  for (const [index, photo] of photos.entries()) {
    const name = `${String(index + 1).padStart(3, '0')}.jpg`;
    // Decodes a photo only once the previous one is written.
    const jpeg = Readable.from(once(photo));
    jpeg.on('error', (error) => output.destroy(error));
    archive.addReadStream(jpeg, name, entry);
  }
  archive.end();
  return output;
}

async function* once(photo: () => Promise<Buffer>): AsyncGenerator<Buffer> {
  yield await photo();
}

function toTrainingJpeg(path: string): Promise<Buffer> {
  return decoding(() =>
    picture(path)
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .resize({ width: longestSide, height: longestSide, fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
      .toBuffer(),
  );
}
