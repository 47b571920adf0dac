/** A running server that requires credentials, an owner with data of each type, and a function that sends as each role. */
import { randomUUID } from 'node:crypto';
import { localViewer } from '../../src/access/session.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import type { App } from '../../src/app/app.ts';
import { globalId, uuidIn } from '../support/global-id.ts';
import { multipartForm } from '../support/http.ts';
import { startLikeness } from '../support/likeness.ts';
import { addUser } from '../support/rows.ts';
import { accountCanary, canary, fillOwner, type Owner, ownerExternalId } from './table-owner.ts';
import { type Ids, type Role, type Row, roles } from './table-rows.ts';

export type Answer = { status: number; challenge: string | null; text: string };
type Body = { data?: Record<string, unknown> | null; errors?: { message: string; extensions?: { code?: string } }[] };
type Sent = Pick<Row, 'document' | 'file'> & { given?: Record<string, unknown> };

export type TableServer = Awaited<ReturnType<typeof openTableServer>>;

/** The server's clock stands still at `clock.at`. */
export async function openTableServer() {
  const clock = { at: Date.now() };
  const likeness = await startLikeness({
    env: { PUBLIC_URL: 'https://likeness.example', METERING: 'on' },
    manual: true,
    overrides: { now: () => new Date(clock.at) },
    limits: { operationsPerMinute: 1_000_000, requestsPerAddress: 1_000_000 },
  });
  const { app, url } = likeness;
  const owner = await fillOwner(app);
  const headers = await headersOfRoles(app, owner);

  const send = async (role: Role | 'mute', { document: query, given: variables = {}, file }: Sent): Promise<Answer> => {
    const body =
      file === undefined
        ? JSON.stringify({ query, variables })
        : multipartForm(query, variables, [{ path: file, name: 'a.jpg', content: 'no picture' }]);
    const type = file === undefined ? { 'content-type': 'application/json' } : {};
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers: { ...type, ...headers[role] }, body });
    const { status } = response;
    return { status, challenge: response.headers.get('www-authenticate'), text: await response.text() };
  };

  // After this, a read by a role writes nothing: its user exists, and the use of its key is recorded.
  const viewers = {} as Record<Exclude<Role, 'nobody'>, string>;
  for (const role of roles) {
    if (role === 'nobody') continue;
    const { text } = await send(role, { document: '{ viewer { id } }' });
    viewers[role] = uuidIn((JSON.parse(text) as { data: { viewer: { id: string } } }).data.viewer.id);
  }
  return { likeness, app, url, clock, owner, headers, viewers, send, close: () => likeness.close() };
}

/** `mute` is not in the table: a key with only ACT_AS. */
async function headersOfRoles(app: App, { keys }: Owner): Promise<Record<Role | 'mute', Record<string, string>>> {
  const bearer = (key: string, actFor?: string) => ({
    authorization: `Bearer ${key}`,
    ...(actFor !== undefined && { 'x-likeness-user': actFor }),
  });
  const keyOf = async (ownerId: string, ...scopes: string[]) =>
    (await createApiKey(app, ownerId, { name: 'key', scopes })).key;
  const bot = await keyOf((await addUser(app.prisma)).id, 'READ', 'WRITE', 'ACT_AS');
  return {
    owner: bearer(keys.owner),
    reader: bearer(keys.reader),
    stranger: bearer(await keyOf((await addUser(app.prisma)).id, 'READ', 'WRITE')),
    guest: bearer(bot, 'guest'),
    namesake: bearer(bot, ownerExternalId),
    deputy: bearer(await keyOf(localViewer.id, 'ADMIN', 'ACT_AS'), 'guest'),
    admin: bearer(await keyOf(localViewer.id, 'ADMIN')),
    nobody: {},
    mute: bearer(await keyOf((await addUser(app.prisma)).id, 'ACT_AS'), 'guest'),
  };
}

/** The ids of the owner's rows, by their names in the table. */
export function idsOf({ rows }: Owner): Ids {
  const idOf = (type: keyof typeof rows, index = 0) => globalId(type, rows[type][index]?.id ?? '');
  return {
    portrait: idOf('PortraitAvatar'),
    style: idOf('StyleAvatar'),
    photo: idOf('Photo'),
    ended: idOf('Generation'),
    waiting: idOf('Generation', 1),
    training: idOf('Training'),
    image: idOf('GeneratedImage'),
    entry: idOf('LedgerEntry'),
    user: idOf('User'),
    apiKey: idOf('ApiKey'),
  };
}

/** An id of the same type that does not exist. */
export const absent = (id: string) => globalId(Buffer.from(id, 'base64').toString().split(':')[0] ?? '', randomUUID());

export const absentIds = (ids: Ids) =>
  Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, absent(id)])) as Ids;

/** The Outcome of a root field, or the answer itself when it is none of them. */
export function outcomeOf(field: string, { status, challenge, text }: Answer): string {
  const { data, errors = [] } = JSON.parse(text) as Body;
  if (status === 401 && challenge?.startsWith('Bearer ') && !data) return 'UNAUTHENTICATED';
  if (!data?.[field] && errors.length > 0 && errors.every(({ extensions }) => extensions?.code === 'FORBIDDEN')) {
    return 'FORBIDDEN';
  }
  if (status !== 200 || errors.length > 0 || !data) return `${status} ${text}`;
  const value = data[field];
  return isNothing(value) ? 'NOT_THERE' : /"__typename":"\w+Error"/.test(text) ? text : 'VALUE';
}

function isNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isNothing);
  if (typeof value !== 'object' || value === null) return true;
  if ('__typename' in value && value.__typename === 'NotFoundError') return true;
  return 'edges' in value && isNothing(value.edges);
}

/** The owner's secrets that a text contains, also in base64, although the role may not see them. */
export function leaksIn(text: string, role: Role, { ownIds, accountIds }: Owner): string[] {
  if (role === 'owner' || role === 'reader') return [];
  // The namesake chose this name itself.
  const visible = role === 'namesake' ? text.replaceAll(ownerExternalId, '') : text;
  const encoded = visible.match(/[\w+/-]{8,}={0,2}/g) ?? [];
  const decoded = [visible, ...encoded.map((part) => Buffer.from(part, 'base64').toString('latin1'))].join('\n');
  const secrets = [canary, ...ownIds, ...(role === 'admin' ? [] : [accountCanary, ...accountIds])];
  return secrets.filter((secret) => decoded.includes(secret));
}

/** A checksum of each table, or only of its rows that contain one of the texts. */
export async function checksums({ prisma }: App, texts: string[] = []): Promise<Record<string, string>> {
  const tables = await prisma.$queryRaw<{ name: string }[]>`
    SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`;
  const sums: Record<string, string> = {};
  for (const { name } of tables) {
    const [sum] = await prisma.$queryRawUnsafe<{ sum: string }[]>(
      `SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS sum
       FROM "${name}" t WHERE t::text ~ $1`,
      texts.join('|'),
    );
    sums[name] = sum?.sum ?? '';
  }
  return sums;
}
