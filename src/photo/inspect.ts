/** Looking at an uploaded file: what it is by content, whether it decodes to its end, and how it looks. */
import { open } from 'node:fs/promises';
import { fileTypeFromFile } from 'file-type';
import sharp from 'sharp';
import { decoding, header, picture } from '../storage/decoder.ts';
import type { UploadedFile } from '../storage/uploaded-file.ts';
import {
  corrupt,
  findingsOf,
  type PhotoFinding,
  type PhotoRefusal,
  refusalOfShape,
  refusalOfSize,
  refusalOfType,
} from './rules.ts';

/** A photo that may be kept. */
export type SoundPhoto = { mimeType: string; width: number; height: number; findings: PhotoFinding[] };

/** What the size, the content or the header already refuses is not decoded: it costs a millisecond. */
export async function inspectPhoto(file: UploadedFile): Promise<PhotoRefusal | SoundPhoto> {
  const bySize = refusalOfSize(file);
  if (bySize) return bySize;
  const mimeType = await typeOf(file.path);
  return refusalOfType(mimeType) ?? (await inspectPixels(file, mimeType).catch(() => corrupt));
}

/** Throws when the header cannot be read, or the pixels do not decode to the end. */
async function inspectPixels({ path, byteSize }: UploadedFile, mimeType: string): Promise<PhotoRefusal | SoundPhoto> {
  const { autoOrient, pages = 1 } = await header(path);
  const { width, height } = autoOrient;
  const byShape = refusalOfShape({ width, height, frames: pages });
  if (byShape) return byShape;
  const luma = await decoding(() => lumaOf(path));
  return { mimeType, width, height, findings: findingsOf({ byteSize, width, height, ...luma }) };
}

/** By content, never by name. */
async function typeOf(path: string): Promise<string> {
  const type = await fileTypeFromFile(path);
  if (type?.mime.startsWith('image/')) return type.mime;
  return (await looksLikeSvg(path)) ? 'image/svg+xml' : (type?.mime ?? 'application/octet-stream');
}

/** SVG is text, which file-type does not look into. */
async function looksLikeSvg(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return /^\uFEFF?\s*<(?:[^]*<)?svg[\s>]/i.test(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}

/** How bright the pixels are, 0 to 255, on white where they are transparent. Measured outside of JavaScript's thread. */
async function lumaOf(path: string): Promise<{ lumaMean: number; lumaDeviation: number }> {
  const grey = picture(path).flatten({ background: '#ffffff' }).greyscale().toColourspace('b-w').raw();
  const { data, info } = await grey.toBuffer({ resolveWithObject: true });
  const { channels } = await sharp(data, { raw: info }).stats();
  const [luma] = channels;
  if (luma === undefined) throw new Error('A picture without a channel.');
  return { lumaMean: luma.mean, lumaDeviation: luma.stdev };
}
