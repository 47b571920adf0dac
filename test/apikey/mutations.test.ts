/** createApiKey and revokeApiKey: names, scopes, expiry, the key's user, and who can see a key. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { globalId } from '../support/global-id.ts';
import { gql } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
let now = new Date('2031-03-01T12:00:00.000Z');
beforeAll(async () => {
  likeness = await startLikeness({ env: { PUBLIC_URL: 'https://likeness.example' }, overrides: { now: () => now } });
});
afterAll(() => likeness.close());

type Created = {
  __typename: string;
  key: string;
  apiKey: { id: string; name: string; scopes: string[]; hint: string; expiresAt: string | null };
  issues: { path: string; message: string }[];
};
const create = async (input: object) => {
  const { data, errors } = await likeness.gql<{ createApiKey: Created }>(
    `mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { __typename
      ... on CreateApiKeyPayload { key apiKey { id name scopes hint createdAt expiresAt revokedAt lastUsedAt } }
      ... on InvalidInputError { issues { path message } } } }`,
    { input: { name: 'bot', scopes: ['READ'], ...input } },
  );
  expect(errors).toBeUndefined();
  return data?.createApiKey as Created;
};
const count = async () => await likeness.app.prisma.apiKey.count();

describe('createApiKey creates a key', () => {
  test('with a trimmed name and each scope once, unused and not revoked', async () => {
    const { key, apiKey } = await create({ name: '  The bot ', scopes: ['WRITE', 'READ', 'WRITE', 'ACT_AS'] });
    expect(apiKey).toEqual({
      id: expect.any(String),
      name: 'The bot',
      scopes: ['WRITE', 'READ', 'ACT_AS'],
      hint: key.slice(-4),
      createdAt: now.toISOString(),
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
    });
    expect((await create({})).key).not.toBe(key);
  });

  test.each(['x', 'x'.repeat(100), 'Größe 🦊 "1" <b>'])('named %j', async (name) => {
    expect((await create({ name })).apiKey.name).toBe(name);
  });

  test('that expires in the future, by the server’s clock', async () => {
    const expiresAt = new Date(now.getTime() + 1).toISOString();
    expect((await create({ expiresAt })).apiKey.expiresAt).toBe(expiresAt);
  });

  test('for another user, whom it authenticates and who can see it', async () => {
    const made = await likeness.gql<{ createUser: { id: string } }>(
      'mutation { createUser(input: { externalId: "ada" }) { ... on User { id } } }',
    );
    const userId = made.data?.createUser.id ?? '';
    const { key, apiKey } = await create({ userId });
    const keys = '{ viewer { id apiKeys { edges { node { id } } } } }';
    const { data } = await gql(likeness.url, keys, {}, { authorization: `Bearer ${key}` });
    expect(data).toEqual({ viewer: { id: userId, apiKeys: { edges: [{ node: { id: apiKey.id } }] } } });
    const mine = await create({});
    const read = async (id: string) =>
      (await gql(likeness.url, 'query($id: ID!) { node(id: $id) { id } }', { id }, { authorization: `Bearer ${key}` }))
        .data;
    expect([await read(apiKey.id), await read(mine.apiKey.id)]).toEqual([{ node: { id: apiKey.id } }, { node: null }]);
  });
});

describe('createApiKey rejects a key', () => {
  test.each<[string, object, string, RegExp]>([
    ['without a name', { name: '' }, 'name', /Give the key a name/],
    ['with a blank name', { name: ' \t ' }, 'name', /Give the key a name/],
    ['with a name of 101 characters', { name: 'x'.repeat(101) }, 'name', /1 to 100/],
    ['with a line break in its name', { name: 'a\nb' }, 'name', /control character/],
    ['with a NUL in its name', { name: 'a\0b' }, 'name', /control character/],
    ['without a scope', { scopes: [] }, 'scopes', /one scope/],
    ['that has expired already', { expiresAt: '2031-03-01T11:59:59.999Z' }, 'expiresAt', /future/],
    ['that expires now', { expiresAt: '2031-03-01T12:00:00.000Z' }, 'expiresAt', /future/],
  ])('%s', async (_what, input, path, message) => {
    const before = await count();
    expect(await create(input)).toEqual({
      __typename: 'InvalidInputError',
      issues: [{ path, message: expect.stringMatching(message) }],
    });
    expect(await count()).toBe(before);
  });

  test('and names all errors at once', async () => {
    const { issues } = await create({ name: '', scopes: [], expiresAt: '2020-01-01T00:00:00Z' });
    expect(issues.map(({ path }) => path)).toEqual(['name', 'scopes', 'expiresAt']);
  });

  test.each([
    ['an unknown user', globalId('User', '00000000-0000-4000-8000-00000000dead')],
    ['an id of another type', globalId('ApiKey', localViewer.id)],
    ['an invalid id', 'ada'],
  ])('for %s', async (_what, userId) => {
    expect((await create({ userId })).__typename).toBe('NotFoundError');
  });

  test('with an unknown scope, as an invalid document', async () => {
    const { errors } = await likeness.gql(
      'mutation { createApiKey(input: { name: "x", scopes: [ROOT] }) { __typename } }',
    );
    expect(errors?.[0]?.message).toMatch(/"ROOT" does not exist in "ApiScope"/);
  });
});

test('revokeApiKey keeps the time of the first revocation, returns NotFoundError for other ids, and can revoke the admin’s own key', async () => {
  const { key, apiKey } = await create({ scopes: ['ADMIN'] });
  const revoke = async (apiKeyId: string, headers = likeness.headers) =>
    (
      await gql<{ revokeApiKey: object }>(
        likeness.url,
        'mutation($id: ID!) { revokeApiKey(apiKeyId: $id) { __typename ... on ApiKey { id revokedAt } } }',
        { id: apiKeyId },
        headers,
      )
    ).data?.revokeApiKey;
  const revoked = { __typename: 'ApiKey', id: apiKey.id, revokedAt: now.toISOString() };
  expect(await revoke(apiKey.id, { authorization: `Bearer ${key}` })).toEqual(revoked);
  now = new Date(now.getTime() + 60_000);
  expect(await revoke(apiKey.id)).toEqual(revoked);
  const nothing = ['', 'x', globalId('ApiKey', localViewer.id), globalId('User', localViewer.id)];
  for (const id of nothing) expect(await revoke(id)).toEqual({ __typename: 'NotFoundError' });
});
