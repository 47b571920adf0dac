/** Random bytes that all processes of one installation share through its database. */
import { randomBytes } from 'node:crypto';
import type { Database } from './client.ts';

/** Returns 32 bytes, made on the first call. Of two processes that call at once, one writes them and both read those. */
export async function installationSecret(prisma: Database, name: string): Promise<Uint8Array> {
  await prisma.secret.createMany({ data: [{ name, value: randomBytes(32) }], skipDuplicates: true });
  return (await prisma.secret.findUniqueOrThrow({ where: { name } })).value;
}

/** Tells this installation from others that use the same Redis: 16 hexadecimal digits. */
export async function installationId(prisma: Database): Promise<string> {
  return Buffer.from(await installationSecret(prisma, 'installation'))
    .toString('hex')
    .slice(0, 16);
}
