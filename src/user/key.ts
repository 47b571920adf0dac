/** Which user an admin means. */

import { uuidOf } from '../graphql/global-id.ts';
import { NotFoundError } from '../refusal/refusal.ts';

/** Reads a global id. Throws NotFoundError for the id of anything but a user. */
export function userIdOf(globalId: string): string {
  const id = uuidOf(globalId, ['User']);
  if (id === undefined) throw new NotFoundError('user');
  return id;
}
