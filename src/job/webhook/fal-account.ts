/** Who we are at fal: no call says it, but every webhook does. */
import { createHash } from 'node:crypto';
import type { Tx } from '../../database/client.ts';

/** What stands for a key where the key itself may not stand. */
export const hashOfKey = (key: string) => createHash('sha256').update(key).digest('hex');

/** Whether a webhook for that user of fal's can be ours: it is while nothing is known of the key. */
export async function mayBeOurs(tx: Tx, keyHash: string, falUserId: string): Promise<boolean> {
  const account = await tx.falAccount.findUnique({ where: { keyHash } });
  return account === null || account.userId === falUserId;
}

/** What is known of a key stays. */
export async function learnFalUser(tx: Tx, keyHash: string, falUserId: string): Promise<void> {
  await tx.falAccount.createMany({ data: [{ keyHash, userId: falUserId }], skipDuplicates: true });
}
