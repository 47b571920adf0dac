/** Deleting an avatar while other operations on it run. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true });
});
afterAll(() => likeness.close());

const documents = [
  `mutation($id: ID!) { startGeneration(input: { avatarId: $id, prompt: "at sea" }) { __typename ... on Generation { avatar { ... on AvatarProfile { name } } } } }`,
  'mutation($id: ID!) { setDefaultAvatar(avatarId: $id) { __typename ... on AvatarProfile { name trigger readiness { ready } } } }',
  'query($id: ID!) { node(id: $id) { ... on AvatarProfile { name photos { edges { node { id } } } generations { edges { node { id } } } } } }',
  'mutation($id: ID!) { deleteAvatar(avatarId: $id) { __typename } }',
];

test('each operation succeeds or gets NOT_FOUND, and the server logs no unexpected error', async () => {
  const codes = new Set<string>();
  for (let round = 0; round < 10; round += 1) {
    const id = await likeness.client.importStyle();
    const answers = await Promise.all(documents.map((document) => likeness.gql(document, { id })));
    for (const { errors = [] } of answers) for (const { extensions } of errors) codes.add(String(extensions?.['code']));
  }
  expect([...codes].filter((code) => code !== 'NOT_FOUND')).toEqual([]);
  expect(likeness.logged.filter((line) => line.includes('unexpected error'))).toEqual([]);
});
