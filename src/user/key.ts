/** Which user an admin means. */
import { NotFound } from '../app/refusal.ts';
import { uuidOf } from '../graphql/global-id.ts';

/** Reads a global id. Throws NotFound for the id of anything but a user. */
export function userIdOf(globalId: string): string {
  const id = uuidOf(globalId, ['User']);
  if (id === undefined) throw new NotFound('user');
  return id;
}
