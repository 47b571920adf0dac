/**
 * The one way from a viewer to rows: `where` conditions for the rows that the viewer owns. No other file in src/ compares
 * an owner column with the viewer (a test checks), so every look-up
 * of a row includes its owner. Rows of other owners, and rows deleted with their avatar, are not found.
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

/** The owner column of a new row. */
export const ownedBy = ({ id }: Viewer) => ({ ownerId: id });

/**
 * Locks the owner until the transaction ends, against other changes of their set of avatars, their default avatar and their
 * account. Returns the row, if there is one. Transactions lock rows in one order, so that they cannot deadlock: the owner,
 * then jobs, then the avatar, then new rows. In the embedded database one transaction runs at a time and none waits.
 *
 * Not FOR UPDATE: PostgreSQL checks a row's foreign keys again when one transaction changes the row twice, as happens when
 * it writes a job's event and then its state. That check would wait for this lock while it holds the job's lock.
 */
export async function lockOwner(tx: Tx, ownerId: string): Promise<User | undefined> {
  const [owner] = await tx.$queryRaw<User[]>`SELECT * FROM "User" WHERE "id" = ${ownerId}::uuid FOR NO KEY UPDATE`;
  return owner;
}
