import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { createApiKey } from '../../src/apikey/commands.ts';
import { issueCredits } from '../../src/ledger/commands.ts';
import { type Api, openApi } from '../support/api.ts';
import { globalId, uuidIn } from '../support/global-id.ts';

let api: Api;
/** A global id of an existing row of each Node type. */
let ids: Record<string, string>;

beforeAll(async () => {
  api = await openApi();
  const create = async (input: object) =>
    (await api.call<{ createAvatar: { id: string } }>('CreateAvatar', { input })).createAvatar.id;
  const portrait = await create({ portrait: { name: 'Ada' } });
  const style = await create({ style: { name: 'Ink' } });
  const owned = { ownerId: api.viewer.id, avatarId: uuidIn(portrait) };
  await api.addPhotos(owned.avatarId, 1);
  const photo = await api.prisma.photo.findFirstOrThrow({ where: owned });
  const training = await api.prisma.job.create({
    data: {
      ...owned,
      kind: 'TRAINING',
      endpoint: 'fal-ai/flux-lora-portrait-trainer',
      input: {},
      photoCount: 1,
    },
  });
  const prompt = { prompt: 'a fox', finalPrompt: 'TOK a fox' };
  const generation = await api.prisma.job.create({
    data: { ...owned, ...prompt, kind: 'GENERATION', endpoint: 'fal-ai/flux-lora', input: {} },
  });
  await api.move(generation, 'IN_QUEUE', 'FINALIZING', 'SUCCEEDED');
  const { fileHash, width, height, byteSize } = photo;
  const file = { fileHash, width, height, byteSize, contentType: 'image/jpeg', blurhash: 'x', hasNsfwConcepts: false };
  const image = await api.prisma.generatedImage.create({
    data: { ...file, ownerId: api.viewer.id, generationId: generation.id, position: 0 },
  });
  await issueCredits(api.app, api.viewer.id, 'GRANT', { credits: 10, reason: 'test' });
  const entry = await api.prisma.ledgerEntry.findFirstOrThrow({ where: { ownerId: api.viewer.id } });
  const { apiKey } = await createApiKey(api.app, api.viewer.id, { name: 'bot', scopes: ['READ'] });
  ids = {
    ApiKey: globalId('ApiKey', apiKey.id),
    LedgerEntry: globalId('LedgerEntry', entry.id),
    PortraitAvatar: portrait,
    StyleAvatar: style,
    Photo: globalId('Photo', photo.id),
    Training: globalId('Training', training.id),
    Generation: globalId('Generation', generation.id),
    GeneratedImage: globalId('GeneratedImage', image.id),
    User: globalId('User', api.viewer.id),
  };
});
afterAll(() => api.close());

async function node(id: string) {
  const { data, errors } = await api.run('query ($id: ID!) { node(id: $id) { __typename id } }', { id });
  expect(errors).toBeUndefined();
  return data?.['node'];
}

async function nodes(ids: string[]) {
  const { data, errors } = await api.run('query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }', { ids });
  expect(errors).toBeUndefined();
  return data?.['nodes'];
}

const types = [
  'PortraitAvatar',
  'StyleAvatar',
  'Photo',
  'Training',
  'Generation',
  'GeneratedImage',
  'User',
  'ApiKey',
  'LedgerEntry',
];

test('node returns every type that implements Node', async () => {
  const { data } = await api.run('{ __type(name: "Node") { possibleTypes { name } } }');
  const named = data?.['__type'] as { possibleTypes: { name: string }[] };
  expect(named.possibleTypes.map(({ name }) => name).toSorted()).toEqual(types.toSorted());
  for (const __typename of types)
    expect(await node(ids[__typename] ?? '')).toEqual({ __typename, id: ids[__typename] });
});

describe('node returns null without an error for', () => {
  it.each(types)('a %s that does not exist', async (type) => {
    expect(await node(globalId(type, randomUUID()))).toBeNull();
  });

  it.each(types)('a %s of another user', async (type) => {
    const stranger = await api.addViewer();
    const { data, errors } = await api.run('query ($id: ID!) { node(id: $id) { id } }', { id: ids[type] }, stranger);
    expect({ errors, node: data?.['node'] }).toEqual({ errors: undefined, node: null });
  });

  it.each(types)('the id of a %s with the name of each other type', async (type) => {
    const uuid = uuidIn(ids[type] ?? '');
    for (const other of types.filter((name) => name !== type)) expect(await node(globalId(other, uuid))).toBeNull();
  });

  it.each([
    ['an empty id', ''],
    ['a plain uuid', '00000000-0000-4000-8000-000000000001'],
    ['invalid base64', '!!!'],
    ['a type alone', Buffer.from('PortraitAvatar').toString('base64')],
    ['an invalid uuid', globalId('Generation', '1 OR 1=1')],
    ['a NUL', globalId('Photo', '\0')],
    ['a lone surrogate', '\ud800'],
    ['a union', globalId('Avatar', randomUUID())],
    ['an interface', globalId('Job', randomUUID())],
    ['a type without ids', globalId('Query', randomUUID())],
    ['an unknown type', globalId('Nothing', randomUUID())],
    ['__proto__ as type', globalId('__proto__', randomUUID())],
    ['a million characters', 'x'.repeat(1_000_000)],
  ])('%s', async (_what, id) => {
    expect(await node(id)).toBeNull();
  });

  it('any of those in nodes, which still returns the other nodes', async () => {
    const { PortraitAvatar: portrait = '', User: user = '' } = ids;
    expect(await nodes([portrait, '!!!', globalId('StyleAvatar', uuidIn(portrait)), user, portrait])).toEqual([
      { __typename: 'PortraitAvatar', id: portrait },
      null,
      null,
      { __typename: 'User', id: user },
      { __typename: 'PortraitAvatar', id: portrait },
    ]);
    expect(await nodes([])).toEqual([]);
  });
});
