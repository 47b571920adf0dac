/** A fine grain over a picture, which keeps gradients from banding and gives flat shapes the look of print. */
import sharp from 'sharp';
import { randomFrom } from '../random.ts';

const side = 256;
let tile: Promise<Buffer> | undefined;

/** Grey noise with as much transparency as makes it felt and not seen; the same for every picture. */
export function grain(): Promise<Buffer> {
  tile ??= makeTile();
  return tile;
}

async function makeTile(): Promise<Buffer> {
  const random = randomFrom('grain');
  const pixels = Buffer.alloc(side * side * 4);
  for (let i = 0; i < side * side; i += 1) {
    const light = random.chance(0.5) ? 255 : 0;
    pixels.fill(light, i * 4, i * 4 + 3);
    pixels[i * 4 + 3] = Math.floor(random.next() * random.next() * 22);
  }
  return await sharp(pixels, { raw: { width: side, height: side, channels: 4 } })
    .png()
    .toBuffer();
}
