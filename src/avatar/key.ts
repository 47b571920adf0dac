/** Which avatar a caller means. */
import type { AvatarKind } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import type { Viewer } from '../app/app.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { NotFoundError } from '../refusal/refusal.ts';

/** An avatar's uuid, with the kind that its global id claims: a portrait's id under a style's name names nothing. */
export type AvatarKey = { id: string; kind?: AvatarKind };

/** Reads a global id. Undefined for the id of anything but an avatar. */
export function readAvatarKey(globalId: string): Required<AvatarKey> | undefined {
  const portrait = uuidOf(globalId, ['PortraitAvatar']);
  if (portrait !== undefined) return { id: portrait, kind: 'PORTRAIT' };
  const style = uuidOf(globalId, ['StyleAvatar']);
  return style === undefined ? undefined : { id: style, kind: 'STYLE' };
}

/** The same. Throws NotFoundError instead. */
export function avatarKey(globalId: string): Required<AvatarKey> {
  const key = readAvatarKey(globalId);
  if (key === undefined) throw new NotFoundError('avatar');
  return key;
}

/** The viewer's own avatar of this key, for a unique `where`: somebody else's and a deleted one are not there. */
export function ownAvatar(viewer: Viewer, key: AvatarKey) {
  return { ...key, ...owned.avatars(viewer) };
}
