/** A picture as it was asked for. */
import type { EndpointId } from '../../fal/endpoints.ts';
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
