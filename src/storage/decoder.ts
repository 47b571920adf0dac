/** How this server decodes pictures: three formats, a limit of pixels, and no damaged files. */
import sharp, { type Sharp } from 'sharp';
import { semaphore } from './semaphore.ts';

/** The largest picture that is decoded, in pixels: the limit of a photo, and far more than fal draws. */
const maxPixels = 50_000_000;

// libvips reads dozens of formats, among them SVG with its references. A user's picture is opened as a file, and only as
// one of these three formats, whatever its bytes claim. SVG is read from memory alone, for pictures that this process makes.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp'].flatMap((format) => [
    `VipsForeignLoad${format}File`,
    `VipsForeignLoad${format}Buffer`,
  ]),
});
sharp.unblock({ operation: ['VipsForeignLoadSvgBuffer'] });
// One thread per picture, and several pictures at a time. No cache: pictures are rarely decoded twice in a row.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Opens a picture in a file. Decoding fails when the file is damaged or truncated: libjpeg only warns of missing data, so
 * a warning counts as a failure. It also fails after a minute, because a JPEG can have thousands of scans. Decode within
 * `decoding`.
 */
export const picture = (path: string): Sharp =>
  sharp(path, { failOn: 'warning', limitInputPixels: maxPixels }).timeout({ seconds: 60 });

/** Reads only the header of a picture, however many pixels it claims: takes a millisecond and no memory. */
export const header = (path: string) => sharp(path, { limitInputPixels: false }).metadata();

/** Two pictures at a time: decoding occupies one of the four threads that also read and write files. */
export const decoding = semaphore(2);
