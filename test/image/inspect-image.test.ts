import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, isBlurhashValid } from 'blurhash';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectImage } from '../../src/image/inspect-image.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'likeness-picture-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Noise does not compress, so every part of the file contains pixels. */
const noise = { type: 'gaussian' as const, mean: 128, sigma: 40 };
const draw = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#804020', noise } });

function put(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('inspectImage', () => {
  it.each([
    ['jpeg', 'image/jpeg'],
    ['png', 'image/png'],
    ['webp', 'image/webp'],
  ] as const)('tells what a %s is, by its content', async (format, contentType) => {
    const path = put('named.txt', await draw(640, 480).toFormat(format).toBuffer());
    expect(await inspectImage(path)).toMatchObject({ contentType, width: 640, height: 480 });
  });

  it('returns a blurhash with the colours of the picture', async () => {
    const left = {
      input: { create: { width: 100, height: 200, channels: 3 as const, background: '#ff0000' } },
      left: 0,
      top: 0,
    };
    const plain = sharp({ create: { width: 200, height: 200, channels: 3, background: '#0000ff' } });
    const { blurhash } = await inspectImage(put('halves.png', await plain.composite([left]).png().toBuffer()));
    expect(isBlurhashValid(blurhash)).toEqual({ result: true });
    const pixels = decode(blurhash, 8, 8);
    const [red, , blue] = [pixels[0] ?? 0, pixels[1], pixels[2] ?? 0];
    expect(red).toBeGreaterThan(blue + 100);
    expect(pixels[8 * 4 - 2]).toBeGreaterThan((pixels[8 * 4 - 4] ?? 0) + 100);
  });

  it('returns a blurhash of the picture after EXIF rotation', async () => {
    const black = sharp({ create: { width: 64, height: 64, channels: 3, background: '#000000' } });
    const upright = await black.extend({ bottom: 64, background: '#ffffff' }).png().toBuffer();
    const turned = await sharp(upright).rotate(-90).withMetadata({ orientation: 6 }).png().toBuffer();
    const { blurhash } = await inspectImage(put('turned.png', turned));
    const pixels = decode(blurhash, 8, 8);
    const brightness = (row: number) => pixels[(row * 8 + 2) * 4] ?? 0;
    expect(brightness(5)).toBeGreaterThan(brightness(0) + 30);
  });

  const halves = async () => {
    const black = sharp({ create: { width: 64, height: 64, channels: 3, background: '#000000' } });
    return sharp(await black.extend({ right: 64, background: '#ffffff' }).png().toBuffer());
  };
  it.each([
    ['grey', async () => (await halves()).toColourspace('b-w').png().toBuffer()],
    ['CMYK', async () => (await halves()).toColourspace('cmyk').jpeg().toBuffer()],
    ['16-bit', async () => (await halves()).toColourspace('rgb16').png().toBuffer()],
    ['16-bit grey', async () => (await halves()).toColourspace('grey16').png().toBuffer()],
    ['palette', async () => (await halves()).png({ palette: true }).toBuffer()],
  ])('returns a blurhash of a %s picture', async (_what, make) => {
    const { blurhash } = await inspectImage(put('halves', await make()));
    const pixels = decode(blurhash, 8, 8);
    expect(pixels[6 * 4]).toBeGreaterThan((pixels[2 * 4] ?? 0) + 100);
  });

  it('accepts a picture of one pixel and a transparent one', async () => {
    expect(await inspectImage(put('one.png', await draw(1, 1).png().toBuffer()))).toMatchObject({
      width: 1,
      height: 1,
    });
    const clear = sharp({ create: { width: 20, height: 10, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } });
    expect(await inspectImage(put('clear.webp', await clear.webp().toBuffer()))).toMatchObject({
      width: 20,
      height: 10,
    });
  });

  it('returns the dimensions after EXIF rotation', async () => {
    const path = put('turned.jpg', await draw(640, 480).withMetadata({ orientation: 6 }).jpeg().toBuffer());
    expect(await inspectImage(path)).toMatchObject({ width: 480, height: 640 });
  });

  const cuts = (['jpeg', 'png', 'webp'] as const).flatMap((format) =>
    [0.02, 0.5, 0.99, 0.9999].map((part) => ({ format, part })),
  );
  it.each(cuts)('rejects a $format that is truncated after $part of its bytes', async ({ format, part }) => {
    const whole = await draw(512, 512).toFormat(format).toBuffer();
    const path = put('cut', whole.subarray(0, Math.floor(whole.length * part)));
    await expect(inspectImage(path)).rejects.toThrow(Error);
  });

  it('rejects a JPEG with a hole in it', async () => {
    const bytes = await draw(1024, 1024).jpeg().toBuffer();
    const middle = Math.floor(bytes.length / 2);
    bytes.fill(0xff, middle, middle + 2000);
    await expect(inspectImage(put('hole.jpg', bytes))).rejects.toThrow(Error);
  });

  it.each([
    ['text', Buffer.from('<html>Not here.</html>')],
    ['an empty file', Buffer.alloc(0)],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
  ])('rejects %s', async (_what, bytes) => {
    await expect(inspectImage(put('other', bytes))).rejects.toThrow(Error);
  });

  it('rejects a picture with too many pixels', async () => {
    const path = new URL('../photos/bad/pixel-bomb-65536.png', import.meta.url).pathname;
    expect(readFileSync(path).length).toBeGreaterThan(0);
    await expect(inspectImage(path)).rejects.toThrow(/pixel/i);
  });
});
