/** What a stopped server has left in its data folder. */
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../src/database/open-database.ts';

/** Files of that folder and below, as paths. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Lets every file and upload seem two days old, so that the next start's sweep takes what a kill left behind. */
export function age(dataDir: string): void {
  const at = new Date(Date.now() - 2 * 24 * 60 * 60_000);
  const uploads = join(dataDir, 'uploads');
  const left = readdirSync(uploads).map((name) => join(uploads, name));
  for (const path of [...filesIn(join(dataDir, 'files')), ...left]) utimesSync(path, at, at);
}

/** A row whose file is not there may only be one that nothing refers to: a removal was killed. `swept`: not even that. */
export async function wrongInFolder(
  dataDir: string,
  { swept, url }: { swept: boolean; url?: string | undefined },
): Promise<string[]> {
  const wrong: string[] = [];
  const { prisma, close } = await openDatabase(url, dataDir);
  try {
    const rows = await prisma.storedFile.findMany({
      include: { _count: { select: { photos: true, images: true, loraOf: true, configOf: true } } },
    });
    const paths = filesIn(join(dataDir, 'files')).filter((path) => !path.includes('/renditions/'));
    const files = new Map(paths.map((path) => [path.split('/').at(-1) ?? '', path]));
    for (const { hash, byteSize, _count: uses } of rows) {
      const path = files.get(hash);
      const isUsed = Object.values(uses).some((count) => count > 0);
      if (path === undefined && (isUsed || swept)) wrong.push(`the row ${hash} has no file`);
      if (path !== undefined && isUsed && statSync(path).size !== Number(byteSize))
        wrong.push(`${hash} has another size`);
      if (swept && !isUsed) wrong.push(`nothing refers to the row ${hash}`);
      files.delete(hash);
    }
    if (swept) wrong.push(...Array.from(files.values(), (path) => `no row knows ${path}`));
    wrong.push(...filesIn(join(dataDir, 'uploads')).map((path) => `an upload is left: ${path}`));
    const succeeded = { jobs: { some: { kind: 'TRAINING', status: 'SUCCEEDED' } } } as const;
    const bare = await prisma.avatar.count({ where: { kind: 'PORTRAIT', loraFileHash: null, ...succeeded } });
    if (bare > 0) wrong.push(`${bare} trained portraits have no LoRA of ours`);
    const steps = await prisma.$queryRaw<unknown[]>`
      SELECT id FROM pgboss.job WHERE name = 'job-step' AND state IN ('created', 'retry', 'active')`;
    if (steps.length > 0) wrong.push(`${steps.length} steps are left`);
  } finally {
    await close();
  }
  return wrong;
}
