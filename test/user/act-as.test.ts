/** X-Likeness-User: a key owner's end users, who are created on first use and see only their own data. */
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { endUserRealm, findOrCreateUser, localViewer } from '../../src/access/session.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import { gql, multipartForm } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ env: { PUBLIC_URL: 'https://likeness.example' } });
});
afterAll(() => likeness.close());

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
/** A key of the operator, or of one of the operator's users. */
async function newKey(scopes: string[], owner?: string): Promise<Record<string, string>> {
  const { id } =
    owner === undefined ? localViewer : await findOrCreateUser(likeness.app, endUserRealm(localViewer), owner);
  return bearer((await createApiKey(likeness.app, id, { name: 'bot', scopes })).key);
}
const callerOf = async (headers: Record<string, string>, externalId?: string) => {
  const { data, errors } = await gql<{ viewer: { id: string; externalId: string | null } }>(
    likeness.url,
    '{ viewer { id externalId } }',
    {},
    { ...headers, ...(externalId !== undefined && { 'x-likeness-user': externalId }) },
  );
  expect(errors).toBeUndefined();
  return data?.viewer;
};
const statusOf = async (headers: Record<string, string>, body: string | FormData = '{"query":"{ __typename }"}') => {
  const type = typeof body === 'string' ? { 'content-type': 'application/json' } : undefined;
  const response = await fetch(`${likeness.url}/graphql`, { method: 'POST', headers: { ...type, ...headers }, body });
  await response.body?.cancel();
  return response.status;
};
/** The close code of a WebSocket; 1000 when it was accepted. */
async function codeOf(connectionParams: Record<string, unknown>): Promise<number> {
  const url = `${likeness.url.replace('http', 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, connectionParams });
  try {
    await client.iterate({ query: '{ __typename }' }).next();
    return 1000;
  } catch (ended) {
    return (ended as { code: number }).code;
  } finally {
    await client.dispose();
  }
}

describe('an end user', () => {
  test('is created once, on first use, also by concurrent requests', async () => {
    const headers = await newKey(['WRITE', 'ACT_AS']);
    const where = { externalId: 'telegram:1' };
    expect(await likeness.app.prisma.user.count({ where })).toBe(0);
    const callers = await Promise.all(Array.from({ length: 10 }, () => callerOf(headers, 'telegram:1')));
    expect(new Set(callers.map((caller) => caller?.id)).size).toBe(1);
    expect(callers[0]?.externalId).toBe('telegram:1');
    expect(await callerOf(headers, 'telegram:1')).toEqual(callers[0]);
    expect(await likeness.app.prisma.user.count({ where })).toBe(1);
    expect((await callerOf(headers))?.id).not.toBe(callers[0]?.id);
  });

  test('is shared by the keys of one owner, and separate from the keys of another owner', async () => {
    const [one, two] = [await newKey(['WRITE', 'ACT_AS']), await newKey(['READ', 'ACT_AS'])];
    const other = await newKey(['WRITE', 'ACT_AS'], 'another-app');
    const ada = await callerOf(one, 'ada');
    expect(await callerOf(two, 'ada')).toEqual(ada);
    const theirs = await callerOf(other, 'ada');
    expect(theirs?.externalId).toBe('ada');
    expect(theirs?.id).not.toBe(ada?.id);
    expect((await callerOf(one, 'Ada'))?.id).not.toBe(ada?.id);
  });
});

describe('acting for an end user', () => {
  test('allows what the key allows, but nothing that needs ADMIN', async () => {
    const code = async (scopes: string[], query: string) => {
      const { errors } = await gql(likeness.url, query, {}, { ...(await newKey(scopes)), 'x-likeness-user': 'ada' });
      return errors?.[0]?.extensions?.['code'];
    };
    const write = 'mutation { deleteAvatar(avatarId: "none") { __typename } }';
    const admin = [
      '{ users { edges { cursor } } }',
      'mutation { createApiKey(input: { name: "x", scopes: [ADMIN] }) { __typename } }',
      'mutation { createUser(input: { externalId: "x" }) { __typename } }',
    ];
    expect(await code(['ADMIN', 'ACT_AS'], write)).toBeUndefined();
    for (const query of admin) expect(await code(['ADMIN', 'ACT_AS'], query)).toBe('FORBIDDEN');
    expect(await code(['READ', 'ACT_AS'], '{ viewer { id } }')).toBeUndefined();
    expect(await code(['READ', 'ACT_AS'], write)).toBe('FORBIDDEN');
    expect(await code(['ACT_AS'], '{ viewer { id } }')).toBe('FORBIDDEN');
  });

  test('without ACT_AS gets 403 over HTTP, streams and uploads, 4403 over WebSocket, and creates no user', async () => {
    const headers = { ...(await newKey(['ADMIN'])), 'x-likeness-user': 'never-made' };
    expect(await statusOf(headers)).toBe(403);
    expect(await statusOf({ ...headers, accept: 'text/event-stream' })).toBe(403);
    const form = multipartForm('mutation($f: File!) { x(f: $f) }', { f: null }, [
      { path: 'variables.f', name: 'f', content: 'x' },
    ]);
    expect(await statusOf(headers, form)).toBe(403);
    expect(await codeOf(headers)).toBe(4403);
    expect(await likeness.app.prisma.user.count({ where: { externalId: 'never-made' } })).toBe(0);
  });

  test.each([
    ['a space', 'a b'],
    ['a character outside ASCII', 'Zo\u00eb'],
    ['256 characters', 'x'.repeat(256)],
    ['two names', 'ada, bob'],
  ])('with an id of %s gets 400, and 4403 over WebSocket', async (_what, id) => {
    const headers = { ...(await newKey(['WRITE', 'ACT_AS'])), 'x-likeness-user': id };
    expect(await statusOf(headers)).toBe(400);
    expect(await codeOf(headers)).toBe(4403);
  });

  test('works with an id of 255 visible characters', async () => {
    const id = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'.padEnd(255, 'x');
    expect((await callerOf(await newKey(['READ', 'ACT_AS']), id))?.externalId).toBe(id);
  });

  describe('with an empty or invalid id is rejected, and never treated as the key owner:', () => {
    test('an empty header', async () => {
      expect(await statusOf({ ...(await newKey(['WRITE', 'ACT_AS'])), 'x-likeness-user': '' })).toBe(400);
    });
    test.each([[42], [''], [null], [{}]])('%j in connection_init', async (id) => {
      expect(await codeOf({ ...(await newKey(['WRITE', 'ACT_AS'])), 'x-likeness-user': id })).toBe(4403);
    });
  });
});

test('the avatars of two end users and of the key owner are separate', async () => {
  const headers = await newKey(['ADMIN', 'ACT_AS']);
  const as = (id: string) => ({ ...headers, 'x-likeness-user': id });
  const run = async <Data>(who: Record<string, string>, query: string, variables = {}) =>
    (await gql<Data>(likeness.url, query, variables, who)).data;
  const create = async (who: Record<string, string>, name: string) => {
    const mutation =
      'mutation($name: String!) { createAvatar(input: { portrait: { name: $name } }) { ... on PortraitAvatar { id isDefault } } }';
    const data = await run<{ createAvatar: { id: string; isDefault: boolean } }>(who, mutation, { name });
    // Each has their own default avatar.
    expect(data?.createAvatar.isDefault).toBe(true);
    return data?.createAvatar.id ?? '';
  };
  const everybody = { eve: as('eve'), bob: as('bob'), app: await newKey(['ADMIN', 'ACT_AS'], 'an-app') };
  const ids = new Map<string, string>();
  for (const [name, who] of Object.entries(everybody)) ids.set(name, await create(who, name));
  for (const [name, who] of Object.entries(everybody)) {
    const listed = await run<{ avatars: { edges: { node: { id: string } }[] } }>(
      who,
      '{ avatars { edges { node { ... on AvatarProfile { id } } } } }',
    );
    expect(listed?.avatars.edges.map(({ node }) => node.id)).toEqual([ids.get(name)]);
    for (const [owner, id] of ids) {
      const read = await run(who, 'query($id: ID!) { node(id: $id) { id } }', { id });
      expect([name, owner, read]).toEqual([name, owner, { node: owner === name ? { id } : null }]);
      if (owner === name) continue;
      const deleted = await run(who, 'mutation($id: ID!) { deleteAvatar(avatarId: $id) { __typename } }', { id });
      expect(deleted).toEqual({ deleteAvatar: { __typename: 'NotFoundError' } });
    }
  }
});
