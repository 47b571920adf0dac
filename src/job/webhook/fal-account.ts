/** Our user id at fal. fal's API never reports it, but each webhook names its user. */
import { createHash } from 'node:crypto';
import type { Tx } from '../../database/client.ts';

/** Identifies a fal key without storing it. */
export const hashOfKey = (key: string) => createHash('sha256').update(key).digest('hex');

/** Whether a webhook for that fal user can be meant for us. True while the user of the key is unknown. */
export async function mayBeOurs(tx: Tx, keyHash: string, falUserId: string): Promise<boolean> {
  const account = await tx.falAccount.findUnique({ where: { keyHash } });
  return account === null || account.userId === falUserId;
}

/** Records the user of a key. A recorded user is never replaced. */
export async function learnFalUser(tx: Tx, keyHash: string, falUserId: string): Promise<void> {
  await tx.falAccount.createMany({ data: [{ keyHash, userId: falUserId }], skipDuplicates: true });
}
