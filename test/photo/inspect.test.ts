/** Every picture in test/photos gets the verdict that these tables list. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { inspectPhoto } from '../../src/photo/inspect.ts';
import { photoNames, photoPath, uploaded } from '../support/photos.ts';

const folder = mkdtempSync(join(tmpdir(), 'likeness-inspect-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (bytes: Uint8Array | string, name = 'photo.jpg') => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return uploaded(path);
};
const verdict = async (path: string) => {
  const found = await inspectPhoto(uploaded(path));
  return 'problem' in found ? found.problem : found.findings.map((finding) => finding.warning);
};
const problem = async (bytes: Uint8Array | string) => {
  const found = await inspectPhoto(file(bytes));
  return 'problem' in found ? found.problem : 'none';
};
/** A picture of one colour. */
const plain = (width: number, height: number, channels: 3 | 4 = 3, background: string = '#808080') =>
  sharp({ create: { width, height, channels, background } });

const good: Record<string, [string, number, number, string[]]> = {
  '01.jpg': ['image/jpeg', 1200, 1200, []],
  '02.jpg': ['image/jpeg', 1200, 1100, []],
  '03-rotated-exif6.jpg': ['image/jpeg', 1000, 1300, []],
  '04.png': ['image/png', 900, 900, []],
  '05.jpg': ['image/jpeg', 900, 1000, ['TINY_FILE']],
  '06-progressive.jpg': ['image/jpeg', 900, 1000, ['TINY_FILE']],
  '07.webp': ['image/webp', 1200, 1200, ['TINY_FILE']],
  '08.jpg': ['image/jpeg', 1400, 1400, []],
  '09.jpg': ['image/jpeg', 1024, 1024, []],
  '10-cmyk.jpg': ['image/jpeg', 1000, 900, ['TOO_DARK']],
  '11.webp': ['image/webp', 1024, 772, []],
  '12-gps.jpg': ['image/jpeg', 1000, 858, []],
};

const bad: Record<string, string | string[]> = {
  'animated.webp': 'UNSUPPORTED_FORMAT',
  'corrupt-header.jpg': 'CORRUPT',
  // A duplicate only beside 01.jpg: see commands.test.ts.
  'duplicate-of-01.jpg': [],
  'empty.jpg': 'EMPTY',
  'gif-named.jpg': 'UNSUPPORTED_FORMAT',
  'low-contrast-300x245.jpg': 'TOO_SMALL',
  'pixel-bomb-65536.png': 'TOO_MANY_PIXELS',
  'text-named.png': 'NOT_AN_IMAGE',
  'too-small-320x240.jpg': 'TOO_SMALL',
  'too-small-450x600-exif6.jpg': 'TOO_SMALL',
  'truncated.jpg': 'CORRUPT',
  'unsupported.avif': 'UNSUPPORTED_FORMAT',
  'vector.svg': 'UNSUPPORTED_FORMAT',
  'warn-aspect-4-1.jpg': ['ELONGATED'],
  'warn-too-dark.jpg': ['TINY_FILE', 'TOO_DARK', 'LOW_CONTRAST'],
};

test('the tables list every picture in test/photos', () => {
  expect(Object.keys(good).sort()).toEqual(photoNames('good'));
  expect(Object.keys(bad).sort()).toEqual(photoNames('bad'));
});

test.each(Object.entries(good))('good %s', async (name, [mimeType, width, height, warnings]) => {
  const found = await inspectPhoto(uploaded(photoPath(`good/${name}`)));
  expect(found).toMatchObject({ mimeType, width, height });
  expect(await verdict(photoPath(`good/${name}`))).toEqual(warnings);
});

test.each(Object.entries(bad))('bad %s', async (name, expected) => {
  expect(await verdict(photoPath(`bad/${name}`))).toEqual(expected);
});

test('a pixel bomb is rejected by its header without being decoded', async () => {
  await inspectPhoto(uploaded(photoPath('bad/text-named.png')));
  const startedAt = performance.now();
  await inspectPhoto(uploaded(photoPath('bad/pixel-bomb-65536.png')));
  // It takes 2 ms; decoding it would take 17 seconds.
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test('the dimensions are those after EXIF rotation', async () => {
  const bytes = await plain(600, 700).withMetadata({ orientation: 8 }).jpeg().toBuffer();
  expect(await inspectPhoto(file(bytes))).toMatchObject({ width: 700, height: 600 });
});

describe('a truncated picture is corrupt', () => {
  test.each(['01.jpg', '06-progressive.jpg', '04.png', '11.webp'])('%s', async (name) => {
    const bytes = readFileSync(photoPath(`good/${name}`));
    for (const missing of [20, 1000, bytes.length >> 1, bytes.length - 200]) {
      expect(await problem(bytes.subarray(0, bytes.length - missing))).toBe('CORRUPT');
    }
  });

  test.each(['01.jpg', '04.png', '11.webp'])('%s with a hole in the middle', async (name) => {
    const bytes = readFileSync(photoPath(`good/${name}`));
    for (let index = 0; index < 400; index += 1) bytes[(bytes.length >> 1) + index] = (index * 37) & 255;
    // WebP has no checksum: any bytes decode to some pixels.
    expect(await problem(bytes)).toBe(name.endsWith('.webp') ? 'none' : 'CORRUPT');
  });
});

describe('the content decides the type', () => {
  test.each([
    ['<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900"/>', 'UNSUPPORTED_FORMAT'],
    ['\uFEFF\n<?xml version="1.0"?><!-- note --><svg width="900" height="900"/>', 'UNSUPPORTED_FORMAT'],
    ['<?xml version="1.0"?><html><body>no picture</body></html>', 'NOT_AN_IMAGE'],
    ['<p>a page that tells of svg pictures</p>', 'NOT_AN_IMAGE'],
    ['%PDF-1.7 no picture', 'NOT_AN_IMAGE'],
    ['GIF89a<script>alert(1)</script>', 'UNSUPPORTED_FORMAT'],
    ['\0\0\0\0', 'NOT_AN_IMAGE'],
    ['x', 'NOT_AN_IMAGE'],
  ])('%j: %s', async (content, expected) => {
    expect(await problem(content)).toBe(expected);
  });

  test('an SVG behind a JPEG signature is not opened as SVG', async () => {
    const signature = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
    expect(await problem(Buffer.concat([signature, Buffer.from('<svg width="900" height="900"/>')]))).toBe('CORRUPT');
  });

  test('sharp does not open other formats', async () => {
    for (const bytes of [await plain(600, 600).gif().toBuffer(), await plain(600, 600).tiff().toBuffer()]) {
      const { path } = file(bytes);
      await expect(sharp(path).metadata()).rejects.toThrow('unsupported image format');
      expect(await verdict(path)).toBe('UNSUPPORTED_FORMAT');
    }
  });
});

describe('brightness', () => {
  test.each([
    ['white', '#ffffff', 3, ['TINY_FILE', 'TOO_BRIGHT', 'LOW_CONTRAST']],
    ['black', '#000000', 3, ['TINY_FILE', 'TOO_DARK', 'LOW_CONTRAST']],
    ['grey', '#808080', 3, ['TINY_FILE', 'LOW_CONTRAST']],
    ['transparent, drawn on white', '#00000000', 4, ['TINY_FILE', 'TOO_BRIGHT', 'LOW_CONTRAST']],
  ] as const)('of %s', async (_, background, channels, warnings) => {
    expect(await verdict(file(await plain(600, 600, channels, background).png().toBuffer()).path)).toEqual(warnings);
  });

  test('of a picture with 16 bits a channel', async () => {
    const bytes = await plain(600, 600, 3, '#ffffff').toColourspace('rgb16').png().toBuffer();
    expect(await verdict(file(bytes).path)).toEqual(['TINY_FILE', 'TOO_BRIGHT', 'LOW_CONTRAST']);
  });
});

test('the largest photo, 50 megapixels, and the smallest are accepted', async () => {
  const huge = file(await plain(8000, 6250).jpeg().toBuffer());
  expect(await inspectPhoto(huge)).toMatchObject({ width: 8000, height: 6250, findings: [{ warning: 'HUGE' }, {}] });
  expect(await problem(await plain(512, 512).png().toBuffer())).toBe('none');
});
