/** Random bytes that all processes of an installation share. */
import { randomBytes } from 'node:crypto';
import type { Database } from './client.ts';

/** 32 bytes, made when first asked for. Of two processes that ask at once, one writes them and both read those. */
export async function installationSecret(prisma: Database, name: string): Promise<Uint8Array> {
  await prisma.secret.createMany({ data: [{ name, value: randomBytes(32) }], skipDuplicates: true });
  return (await prisma.secret.findUniqueOrThrow({ where: { name } })).value;
}
