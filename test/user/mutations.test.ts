/** What admins can do with users: create them, find them, and set their limits. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endUserRealm, findOrCreateUser, localViewer } from '../../src/access/session.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import { globalId } from '../support/global-id.ts';
import { gql } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ env: { PUBLIC_URL: 'https://likeness.example', DAILY_CREDITS: '50' } });
});
afterAll(() => likeness.close());

type Made = { __typename: string; id: string; issues?: { path: string; message: string }[]; [field: string]: unknown };
const send = async (mutation: string, input: object, headers = likeness.headers) => {
  const name = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
  const fields =
    '__typename ... on User { id externalId weight dailyBudget } ... on InvalidInputError { issues { path message } } ... on Error { message }';
  const query = `mutation($input: ${name}!) { ${mutation}(input: $input) { ${fields} } }`;
  const { data, errors } = await gql<Record<string, Made>>(likeness.url, query, { input }, headers);
  expect(errors).toBeUndefined();
  return data?.[mutation];
};
const find = async (externalId: string) => {
  const { data } = await likeness.gql<{ users: { edges: { node: Made }[] } }>(
    'query($externalId: String) { users(externalId: $externalId) { edges { node { id externalId weight } } } }',
    { externalId },
  );
  return data?.users.edges.map(({ node }) => node) ?? [];
};

describe('createUser', () => {
  test('creates the same user as X-Likeness-User would, and leaves an existing user unchanged', async () => {
    const made = await send('createUser', { externalId: 'discord:1' });
    expect(made).toMatchObject({ __typename: 'User', externalId: 'discord:1', weight: 1, dailyBudget: 50 });
    await send('setUserLimits', { userId: made?.id, weight: 9 });
    expect(await send('createUser', { externalId: 'discord:1' })).toEqual({ ...made, weight: 9 });
    const acting = await gql(
      likeness.url,
      '{ viewer { id weight } }',
      {},
      { ...likeness.headers, 'x-likeness-user': 'discord:1' },
    );
    expect(acting.data).toEqual({ viewer: { id: made?.id, weight: 9 } });
    const byHeader = await gql<{ viewer: { id: string } }>(
      likeness.url,
      '{ viewer { id } }',
      {},
      { ...likeness.headers, 'x-likeness-user': 'discord:2' },
    );
    expect(await send('createUser', { externalId: 'discord:2' })).toMatchObject(byHeader.data?.viewer ?? {});
  });

  test.each([
    '',
    ' ',
    'a b',
    'Zo\u00eb',
    'a\n',
    'x'.repeat(256),
  ])('rejects %j and names the field', async (externalId) => {
    expect(await send('createUser', { externalId })).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: 'externalId', message: 'Takes 1 to 255 visible ASCII characters.' }],
    });
    expect(await find(externalId)).toEqual([]);
  });
});

test('users(externalId:) returns the users of all owners with exactly that id, newest first; without it all users', async () => {
  const app = await findOrCreateUser(likeness.app, endUserRealm(localViewer), 'an-app');
  const scopes = ['ADMIN', 'ACT_AS'];
  const { key } = await createApiKey(likeness.app, app.id, { name: 'theirs', scopes });
  const mine = await send('createUser', { externalId: 'shared' });
  const theirs = await send('createUser', { externalId: 'shared' }, { authorization: `Bearer ${key}` });
  expect(theirs?.id).not.toBe(mine?.id);
  expect((await find('shared')).map(({ id }) => id)).toEqual([theirs?.id, mine?.id]);
  expect(await find('Shared')).toEqual([]);
  expect(await find('share_')).toEqual([]);
  const { data } = await likeness.gql<{ users: { edges: { node: Made }[] } }>(
    '{ users(first: 100) { edges { node { id } } } }',
  );
  const everybody = data?.users.edges.map(({ node }) => node.id) ?? [];
  expect(everybody).toHaveLength(await likeness.app.prisma.user.count());
  expect(everybody).toEqual(expect.arrayContaining([mine?.id, theirs?.id, globalId('User', localViewer.id)]));
});

describe('setUserLimits', () => {
  const newUser = async (externalId: string) => (await send('createUser', { externalId }))?.id ?? '';

  test('sets the given limits and leaves the others; null means the server’s default', async () => {
    const userId = await newUser('limited');
    const steps: [object, object][] = [
      [
        { weight: 1000, dailyBudget: 0.1 },
        { weight: 1000, dailyBudget: 0.1 },
      ],
      [{ weight: 1 }, { weight: 1, dailyBudget: 0.1 }],
      [{ dailyBudget: 10_000_000 }, { weight: 1, dailyBudget: 10_000_000 }],
      [
        { dailyBudget: 0, weight: null },
        { weight: 1, dailyBudget: 0 },
      ],
      [{}, { weight: 1, dailyBudget: 0 }],
      [
        { dailyBudget: null, weight: 5 },
        { weight: 5, dailyBudget: 50 },
      ],
    ];
    for (const [input, expected] of steps)
      expect(await send('setUserLimits', { userId, ...input })).toMatchObject(expected);
  });

  test.each<[string, object, string]>([
    ['a weight of zero', { weight: 0 }, 'weight'],
    ['a negative weight', { weight: -1 }, 'weight'],
    ['a weight that is too large', { weight: 1001 }, 'weight'],
    ['a negative budget', { dailyBudget: -0.1 }, 'dailyBudget'],
    ['a budget of half a tenth', { dailyBudget: 0.05 }, 'dailyBudget'],
    ['a budget just over the maximum', { dailyBudget: 10_000_000.1 }, 'dailyBudget'],
    ['a valid weight with an invalid budget', { weight: 7, dailyBudget: 1e300 }, 'dailyBudget'],
  ])('rejects %s, names the field, and sets nothing', async (_what, input, path) => {
    const userId = await newUser('unlimited');
    expect(await send('setUserLimits', { userId, ...input })).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path, message: expect.stringMatching(/^Takes /) }],
    });
    expect(await send('createUser', { externalId: 'unlimited' })).toMatchObject({ weight: 1, dailyBudget: 50 });
  });

  test.each([
    ['an unknown user', globalId('User', '00000000-0000-4000-8000-00000000dead')],
    ['the id of another type', globalId('Photo', localViewer.id)],
    ['an invalid id', 'ada'],
  ])('returns NotFoundError for %s', async (_what, userId) => {
    expect(await send('setUserLimits', { userId, weight: 2 })).toMatchObject({ __typename: 'NotFoundError' });
  });
});

test('a user can read only their own user, an admin can read all', async () => {
  const ids = [await send('createUser', { externalId: 'one' }), await send('createUser', { externalId: 'two' })];
  const [one = '', two = ''] = ids.map((user) => user?.id);
  const read = async (id: string, headers: Record<string, string>) =>
    (await gql(likeness.url, 'query($id: ID!) { node(id: $id) { id } }', { id }, headers)).data?.['node'];
  const asOne = { ...likeness.headers, 'x-likeness-user': 'one' };
  expect([await read(one, asOne), await read(two, asOne)]).toEqual([{ id: one }, null]);
  expect([await read(one, likeness.headers), await read(two, likeness.headers)]).toEqual([{ id: one }, { id: two }]);
});
