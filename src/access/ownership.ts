/**
 * The one way from a caller to rows: what is theirs, for a `where`. Nothing else in src/ names the viewer beside an owner's
 * column (a test reads for it), so that a row that is looked up is looked up by its owner. What belongs to somebody else,
 * and what was deleted with its avatar, is not there.
 */
import type { User } from '../../prisma/generated/client/client.ts';
import type { Tx } from '../database/client.ts';
import type { Viewer } from './session.ts';

export const owned = {
  avatars: ({ id }: Viewer) => ({ ownerId: id, deletedAt: null }),
  jobs: ({ id }: Viewer) => ({ ownerId: id, avatar: { deletedAt: null } }),
  photos: ({ id }: Viewer) => ({ ownerId: id, avatar: { deletedAt: null } }),
  images: ({ id }: Viewer) => ({ ownerId: id, generation: { avatar: { deletedAt: null } } }),
  ledger: ({ id }: Viewer) => ({ ownerId: id }),
  apiKeys: ({ id }: Viewer) => ({ ownerId: id }),
};

/** A new row's owner. */
export const ownedBy = ({ id }: Viewer) => ({ ownerId: id });

/**
 * Holds off every other change of which avatars the owner has, which is the default, and what is on their account, until
 * the transaction ends. Rows are locked in one order, so that nobody waits in a circle: the owner, then jobs, then the
 * avatar, then what is inserted. Embedded, one transaction runs at a time and none of this waits.
 *
 * Not FOR UPDATE: PostgreSQL checks a row's foreign keys anew when one transaction changes it twice, as one that writes a
 * job's event and its state does, and that check would wait for this lock with the job's in its hand. Returns the row, if there is one.
 */
export async function lockOwner(tx: Tx, ownerId: string): Promise<User | undefined> {
  const [owner] = await tx.$queryRaw<User[]>`SELECT * FROM "User" WHERE "id" = ${ownerId}::uuid FOR NO KEY UPDATE`;
  return owner;
}
