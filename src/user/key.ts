/** The key of a user. */

import { uuidOf } from '../graphql/global-id.ts';
import { NotFoundError } from '../refusal/refusal.ts';

/** Decodes a global id. Throws NotFoundError unless it is a user's. */
export function userIdOf(globalId: string): string {
  const id = uuidOf(globalId, ['User']);
  if (id === undefined) throw new NotFoundError('user');
  return id;
}
