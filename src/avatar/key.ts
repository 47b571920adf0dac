/** The key of an avatar, and the caller's own avatar by it. */
import type { AvatarKind } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import type { Viewer } from '../access/session.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { NotFoundError } from '../refusal/refusal.ts';

/** An avatar's UUID and the kind in its global id. A portrait's UUID in a StyleAvatar id finds nothing. */
export type AvatarKey = { id: string; kind?: AvatarKind };

/** Decodes a global id. Undefined unless it is an avatar's. */
export function readAvatarKey(globalId: string): Required<AvatarKey> | undefined {
  const portrait = uuidOf(globalId, ['PortraitAvatar']);
  if (portrait !== undefined) return { id: portrait, kind: 'PORTRAIT' };
  const style = uuidOf(globalId, ['StyleAvatar']);
  return style === undefined ? undefined : { id: style, kind: 'STYLE' };
}

/** Decodes a global id. Throws NotFoundError unless it is an avatar's. */
export function avatarKey(globalId: string): Required<AvatarKey> {
  const key = readAvatarKey(globalId);
  if (key === undefined) throw new NotFoundError('avatar');
  return key;
}

/** The unique `where` of the viewer's own avatar. It matches neither another user's avatar nor a deleted one. */
export function ownAvatar(viewer: Viewer, key: AvatarKey) {
  return { ...key, ...owned.avatars(viewer) };
}
