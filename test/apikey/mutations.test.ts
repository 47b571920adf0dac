/** createApiKey and revokeApiKey: what a key may be called and may do, for whom it is, and who may see it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { globalId } from '../support/api.ts';
import { gql } from '../support/http.ts';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
let now = new Date('2031-03-01T12:00:00.000Z');
beforeAll(async () => {
  likeness = await startLikeness({ env: { PUBLIC_URL: 'https://likeness.example' }, runner: { now: () => now } });
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

describe('a key is made', () => {
  test('with a name that is trimmed, each scope once, and nothing used or revoked', async () => {
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

  test.each(['x', 'x'.repeat(100), 'Größe 🦊 "1" <b>'])('called %j', async (name) => {
    expect((await create({ name })).apiKey.name).toBe(name);
  });

  test('until a moment that is to come, by the server’s clock', async () => {
    const expiresAt = new Date(now.getTime() + 1).toISOString();
    expect((await create({ expiresAt })).apiKey.expiresAt).toBe(expiresAt);
  });

  test('for a user, as whom it calls, and who sees it', async () => {
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

describe('no key is made', () => {
  test.each<[string, object, string, RegExp]>([
    ['without a name', { name: '' }, 'name', /Give the key a name/],
    ['with spaces for a name', { name: ' \t ' }, 'name', /Give the key a name/],
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

  test('all that is wrong is named at once', async () => {
    const { issues } = await create({ name: '', scopes: [], expiresAt: '2020-01-01T00:00:00Z' });
    expect(issues.map(({ path }) => path)).toEqual(['name', 'scopes', 'expiresAt']);
  });

  test.each([
    ['nobody', globalId('User', '00000000-0000-4000-8000-00000000dead')],
    ['what is no user', globalId('ApiKey', localViewer.id)],
    ['what is no id', 'ada'],
  ])('for %s', async (_what, userId) => {
    expect((await create({ userId })).__typename).toBe('NotFoundError');
  });

  test('with a scope that there is none of: the document is refused', async () => {
    const { errors } = await likeness.gql(
      'mutation { createApiKey(input: { name: "x", scopes: [ROOT] }) { __typename } }',
    );
    expect(errors?.[0]?.message).toMatch(/"ROOT" does not exist in "ApiScope"/);
  });
});

test('revoking: the moment of the first time stays; what is no key is not found; an admin may revoke their own', async () => {
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
