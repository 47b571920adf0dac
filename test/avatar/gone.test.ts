/** Deleting an avatar while answers about it are being put together. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startLikeness, type TestLikeness } from '../support/likeness.ts';

let likeness: TestLikeness;
beforeAll(async () => {
  likeness = await startLikeness({ manual: true });
});
afterAll(() => likeness.close());

const importDocument = `mutation { importAvatar(input: { style: { name: "Ink", finetuneId: "f", triggerWord: "INK" } }) {
  ... on StyleAvatar { id } } }`;
const together = [
  `mutation($id: ID!) { startGeneration(input: { avatarId: $id, prompt: "at sea" }) { __typename ... on Generation { avatar { ... on AvatarProfile { name } } } } }`,
  'mutation($id: ID!) { setDefaultAvatar(avatarId: $id) { __typename ... on AvatarProfile { name trigger readiness { ready } } } }',
  'query($id: ID!) { node(id: $id) { ... on AvatarProfile { name photos { edges { node { id } } } generations { edges { node { id } } } } } }',
  'mutation($id: ID!) { deleteAvatar(avatarId: $id) { __typename } }',
];

test('each is answered, or told that it is gone; none is an error of ours', async () => {
  const told = new Set<string>();
  for (let round = 0; round < 10; round += 1) {
    const { data } = await likeness.gql<{ importAvatar: { id: string } }>(importDocument);
    const id = data?.importAvatar.id;
    const answers = await Promise.all(together.map((document) => likeness.gql(document, { id })));
    for (const { errors = [] } of answers) for (const { extensions } of errors) told.add(String(extensions?.['code']));
  }
  expect([...told].filter((code) => code !== 'NOT_FOUND')).toEqual([]);
  expect(likeness.logged.filter((line) => line.includes('unexpected error'))).toEqual([]);
});
