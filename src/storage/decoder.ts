/** How this server reads pictures: three formats, so many pixels, to the last byte. */
import sharp, { type Sharp } from 'sharp';
import { semaphore } from './semaphore.ts';

/** The most pixels that are ever decoded: as many as a photo may have, and far more than fal draws. */
const maxPixels = 50_000_000;

// libvips reads dozens of formats, SVG with its references among them. What users send is opened as a file, and only as
// one of these three, whatever its bytes claim. From memory, only this server's own pictures are read.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp'].flatMap((format) => [
    `VipsForeignLoad${format}File`,
    `VipsForeignLoad${format}Buffer`,
  ]),
});
sharp.unblock({ operation: ['VipsForeignLoadSvgBuffer'] });
// One thread a picture, several pictures at a time; and nothing held in memory for a second look, which nobody takes.
sharp.concurrency(1);
sharp.cache(false);

/**
 * A picture in a file. Decoding it fails when it is damaged or cut off: libjpeg decodes a picture with a hole and only
 * warns, so a warning counts. So does what would take a minute: a JPEG can ask to be drawn over thousands of times.
 * Run what decodes within `decoding`.
 */
export const picture = (path: string): Sharp =>
  sharp(path, { failOn: 'warning', limitInputPixels: maxPixels }).timeout({ seconds: 60 });

/** Only the header of a picture, however many pixels it claims: takes a millisecond and no memory. */
export const header = (path: string) => sharp(path, { limitInputPixels: false }).metadata();

/** Two at a time: decoding holds a thread of the four that also read and write files. */
export const decoding = semaphore(2);
