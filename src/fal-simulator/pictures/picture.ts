/** A picture as a request asks for it. */
import type { EndpointId } from '../../fal/endpoints.ts';
import type { Avatar } from '../queue/request.ts';
import type { Random } from '../random.ts';
import type { Palette } from './palette.ts';

export type Picture = {
  endpoint: EndpointId;
  prompt: string;
  /** In decimal digits. */
  seed: string;
  /** Its position among the pictures of its request, from 0. */
  index: number;
  width: number;
  height: number;
  format: 'jpeg' | 'png';
  avatar: Avatar | undefined;
  settings: Record<string, number | string>;
  /** fal returns a flagged picture black. */
  blank: boolean;
};

/** What the parts of a picture are drawn with. */
export type Canvas = Pick<Picture, 'prompt' | 'width' | 'height'> & {
  palette: Palette;
  random: Random;
};
