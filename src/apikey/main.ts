/** `npm run keys`: manages API keys from the terminal of the server's machine. The first admin key is created here. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { endUserRealm, findOrCreateUser, isExternalId, localViewer, type Viewer } from '../access/session.ts';
import { InvalidSettings, loadDotEnv, readSettings } from '../app/config.ts';
import type { Database } from '../database/client.ts';
import { DataFolderInUse } from '../database/folder-lock.ts';
import { openDatabase } from '../database/open-database.ts';
import { DataFolderError } from '../database/pglite.ts';
import { DatabaseMisconfigured } from '../database/postgres.ts';
import { Refusal } from '../refusal/refusal.ts';
import { createApiKey, revokeApiKey } from './commands.ts';
import { scopes as knownScopes } from './rules.ts';

const say = (line: string) => void process.stdout.write(`${line}\n`);
const now = () => new Date();

const program = new Command('npm run keys --').description(
  'Manages the API keys of this server. With the embedded database, stop the server first, or use the mutation createApiKey instead.',
);

program
  .command('create')
  .description('creates a key and prints it; it cannot be shown again')
  .requiredOption('--name <name>', 'a label for the key')
  .requiredOption('--scopes <scopes>', 'READ, WRITE, ADMIN or ACT_AS, separated by commas', toScopes)
  .option(
    '--user <id>',
    'the user that the key authenticates, by your own id for them; created if unknown (default: the operator)',
    toUser,
  )
  .option('--expires <time>', 'when the key expires, such as 2027-01-31 (default: never)', toDate)
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
  .description('lists all keys: id, ending, state, scopes, last use and name')
  .action(() =>
    withDatabase(async (prisma) => {
      const keys = await prisma.apiKey.findMany({ orderBy: { id: 'asc' } });
      for (const { id, name, hint, scopes, revokedAt, expiresAt, lastUsedAt } of keys) {
        const state = revokedAt !== null ? 'revoked' : expiresAt !== null && expiresAt <= now() ? 'expired' : 'active';
        say([id, `…${hint}`, state, scopes.join(','), lastUsedAt?.toISOString() ?? 'never used', name].join('  '));
      }
    }),
  );

program
  .command('revoke')
  .description('revokes a key')
  .argument('<id>', 'the id of the key, as `list` shows it')
  .action((id: string) =>
    withDatabase(async (prisma) => {
      const { name } = await revokeApiKey(
        { prisma, now },
        z.uuid('This is not the id of a key. `npm run keys -- list` shows the ids.').parse(id),
      );
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
  const unknown = scopes.find((scope) => !knownScopes.some((known) => known === scope));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`There is no scope ${unknown}. Use ${knownScopes.join(', ')}.`);
  }
  return scopes;
}

function toUser(text: string): string {
  if (!isExternalId(text)) throw new InvalidArgumentError('Takes 1 to 255 visible ASCII characters.');
  return text;
}

function toDate(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('Use a time such as 2027-01-31 or 2027-01-31T12:00Z.');
  return date;
}

/** The message of an error that the user can fix; the stack of any other. */
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
