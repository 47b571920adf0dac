/** Random bytes that all processes of one installation share through its database. */
import { randomBytes } from 'node:crypto';
import type { Database } from './client.ts';

/** Returns 32 bytes, generated on the first call. Of two concurrent first calls, one writes the bytes and both return them. */
export async function installationSecret(prisma: Database, name: string): Promise<Uint8Array> {
  await prisma.secret.createMany({ data: [{ name, value: randomBytes(32) }], skipDuplicates: true });
  return (await prisma.secret.findUniqueOrThrow({ where: { name } })).value;
}

/** Distinguishes this installation from others on the same Redis: 16 hexadecimal digits. */
export async function installationId(prisma: Database): Promise<string> {
  return Buffer.from(await installationSecret(prisma, 'installation'))
    .toString('hex')
    .slice(0, 16);
}
