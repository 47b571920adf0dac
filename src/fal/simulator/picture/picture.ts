/** A picture as it was asked for, and the drawing of it. */
import sharp from 'sharp';
import type { EndpointId } from '../../endpoints.ts';
import { hsl } from '../colours.ts';
import { randomFrom } from '../random.ts';
import type { Avatar } from '../request.ts';

export type Picture = {
  endpoint: EndpointId;
  prompt: string;
  /** In decimal digits. */
  seed: string;
  /** Its place among the pictures of its request, from 0. */
  index: number;
  width: number;
  height: number;
  format: 'jpeg' | 'png';
  avatar: Avatar | undefined;
  settings: Record<string, number | string>;
  /** Flagged: fal gives it back black. */
  blank: boolean;
};

/** The same bytes for the same picture, others for any other. */
export async function draw(picture: Picture): Promise<Buffer> {
  const { width, height, format, blank } = picture;
  const random = randomFrom(JSON.stringify(picture));
  const background = blank ? '#000000' : hsl(random.between(0, 360), 0.5, 0.5);
  return await sharp({ create: { width, height, channels: 3, background } })
    .toFormat(format)
    .toBuffer();
}
