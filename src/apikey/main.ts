/** `npm run keys`: API keys from this machine's own terminal, which is where the first admin key comes from. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { endUserRealm, findOrCreateUser, isExternalId, localViewer } from '../access/session.ts';
import type { Viewer } from '../app/app.ts';
import { InvalidSettings, loadDotEnv, readSettings } from '../app/config.ts';
import type { Database } from '../database/client.ts';
import { DataFolderInUse } from '../database/folder-lock.ts';
import { openDatabase } from '../database/open-database.ts';
import { DataFolderError } from '../database/pglite.ts';
import { DatabaseMisconfigured } from '../database/postgres.ts';
import { Refusal } from '../refusal/refusal.ts';
import { createApiKey, revokeApiKey } from './commands.ts';

const say = (line: string) => void process.stdout.write(`${line}\n`);
const now = () => new Date();

const program = new Command('npm run keys --').description(
  'API keys of this server: the first one for admins comes from here. The embedded database must not be in use; a server that runs makes keys by createApiKey.',
);

program
  .command('create')
  .description('makes a key and prints it, this once')
  .requiredOption('--name <name>', 'what to call it')
  .requiredOption('--scopes <scopes>', 'READ, WRITE, ADMIN, ACT_AS, with commas between', toScopes)
  .option(
    '--user <id>',
    'whose it is, by your own id of them; made when there is no such user (default: the operator)',
    toUser,
  )
  .option('--expires <time>', 'from when on it is refused, as 2027-01-31 (default: never)', toDate)
  .action((flags: { name: string; scopes: string[]; user?: string; expires?: Date }) =>
    withDatabase(async (prisma) => {
      const owner: Viewer =
        flags.user === undefined
          ? localViewer
          : await findOrCreateUser({ prisma }, endUserRealm(localViewer), flags.user);
      const { name, scopes, expires: expiresAt } = flags;
      const { key } = await createApiKey({ prisma, now }, owner.id, { name, scopes, expiresAt });
      say(key);
    }),
  );

program
  .command('list')
  .description('every key: its id, name, scopes, and when it was used')
  .action(() =>
    withDatabase(async (prisma) => {
      const keys = await prisma.apiKey.findMany({ orderBy: { id: 'asc' } });
      for (const { id, name, hint, scopes, revokedAt, expiresAt, lastUsedAt } of keys) {
        const state = revokedAt !== null ? 'revoked' : expiresAt !== null && expiresAt <= now() ? 'expired' : 'good';
        say([id, `…${hint}`, state, scopes.join(','), lastUsedAt?.toISOString() ?? 'never used', name].join('  '));
      }
    }),
  );

program
  .command('revoke')
  .description('takes a key back')
  .argument('<id>', 'its id, from list')
  .action((id: string) =>
    withDatabase(async (prisma) => {
      const { name } = await revokeApiKey({ prisma, now }, z.uuid('That is no id of a key.').parse(id));
      say(`${name} is revoked.`);
    }),
  );

async function withDatabase(work: (prisma: Database) => Promise<void>): Promise<void> {
  loadDotEnv();
  const { DATABASE_URL, DATA_DIR } = readSettings();
  const database = await openDatabase(DATABASE_URL, resolve(DATA_DIR));
  try {
    await database.prisma.user.createMany({ data: [localViewer], skipDuplicates: true });
    await work(database.prisma);
  } finally {
    await database.close();
  }
}

function toScopes(text: string): string[] {
  const scopes = text.split(',').map((scope) => scope.trim().toUpperCase().replace('-', '_'));
  const known = new Set(['READ', 'WRITE', 'ADMIN', 'ACT_AS']);
  const unknown = scopes.find((scope) => !known.has(scope));
  if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is none of ${[...known].join(', ')}.`);
  return scopes;
}

function toUser(text: string): string {
  if (!isExternalId(text)) throw new InvalidArgumentError('Takes 1 to 255 visible ASCII characters.');
  return text;
}

function toDate(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('Not a time, as 2027-01-31 or 2027-01-31T12:00Z.');
  return date;
}

/** What the user can mend, in a sentence; anything else whole. */
function explain(error: unknown): string {
  if (error instanceof z.ZodError) return error.issues.map(({ message }) => message).join('\n');
  const forUser = [InvalidSettings, DataFolderInUse, DataFolderError, DatabaseMisconfigured, Refusal];
  if (error instanceof Error && forUser.some((kind) => error instanceof kind)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
});
