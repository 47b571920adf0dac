/** Which user an admin means. */
import { NotFoundError } from '../app/refusal.ts';
import { uuidOf } from '../graphql/global-id.ts';

/** Reads a global id. Throws NotFoundError for the id of anything but a user. */
export function userIdOf(globalId: string): string {
  const id = uuidOf(globalId, ['User']);
  if (id === undefined) throw new NotFoundError('user');
  return id;
}
