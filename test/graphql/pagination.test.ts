import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, openApi } from '../support/api.ts';
import { globalId, uuidIn } from '../support/global-id.ts';

let api: Api;
let avatar: string;

beforeAll(async () => {
  api = await openApi();
  const { createAvatar } = await api.call<{ createAvatar: { id: string } }>('CreateAvatar', {
    input: { portrait: { name: 'Ada' } },
  });
  avatar = createAvatar.id;
  const owned = { ownerId: api.viewer.id, avatarId: uuidIn(avatar) };
  await api.addPhotos(owned.avatarId, 5);
  for (let n = 1; n <= 5; n += 1) {
    const training = { endpoint: 'fal-ai/flux-lora-portrait-trainer', input: {}, photoCount: n } as const;
    await api.prisma.job.create({
      data: { ...owned, ...training, kind: 'TRAINING', status: 'CANCELLED', finishedAt: new Date() },
    });
    const drawing = { endpoint: 'fal-ai/flux-lora', input: {}, prompt: `${n}`, finalPrompt: `TOK ${n}` } as const;
    await api.prisma.job.create({
      data: { ...owned, ...drawing, kind: 'GENERATION', status: 'CANCELLED', finishedAt: new Date() },
    });
  }
});
afterAll(() => api.close());

type Page = {
  edges: { cursor: string; node: { id: string } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
};

const fields =
  'edges { cursor node { ... on Node { id } } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
const inQuery = (list: string) => `query ($first: Int, $last: Int, $after: String, $before: String) {
  page: ${list}(first: $first, last: $last, after: $after, before: $before) { ${fields} } }`;
const inAvatar = (list: string) => `query ($id: ID!, $first: Int, $last: Int, $after: String, $before: String) {
  node(id: $id) { ... on AvatarProfile {
    page: ${list}(first: $first, last: $last, after: $after, before: $before) { ${fields} } } } }`;

const ofQuery = ['avatars', 'jobs', 'generations'].map((list) => [list, inQuery(list)] as const);
const ofAvatar = ['photos', 'trainings', 'generations'].map((list) => [`its ${list}`, inAvatar(list)] as const);

async function run(document: string, variables: object = {}) {
  const { data, errors } = await api.run(document, { id: avatar, ...variables });
  const { page, node } = JSON.parse(JSON.stringify(data ?? {}));
  return { page: (page ?? node?.page) as Page | undefined, errors };
}

async function pageOf(document: string, variables: object = {}): Promise<Page> {
  const { page, errors } = await run(document, variables);
  if (errors?.[0]) throw errors[0];
  if (page === undefined) throw new Error('No page.');
  return page;
}

const idsOf = ({ edges }: Page) => edges.map(({ node }) => node.id);

describe.each([...ofQuery, ...ofAvatar])('%s', (_list, document) => {
  it('returns null cursors for an empty page', async () => {
    for (const variables of [{ first: 0 }, { last: 0 }]) {
      const { edges, pageInfo } = await pageOf(document, variables);
      expect(edges).toEqual([]);
      expect(pageInfo).toMatchObject({ startCursor: null, endCursor: null });
    }
    const { edges } = await pageOf(document);
    const behind = await pageOf(document, { after: edges.at(-1)?.cursor });
    expect(behind.pageInfo).toMatchObject({ startCursor: null, endCursor: null, hasNextPage: false });
  });

  it('treats an empty cursor as none', async () => {
    expect(await pageOf(document, { after: '', before: null })).toEqual(await pageOf(document));
  });

  it.each([
    'nonsense',
    ' ',
    '!',
    '\0',
    '\ud800',
    'R1BDOk46NQ',
    'R1BDOlM6bm9wZQ==',
    'x'.repeat(1_000_000),
  ])('rejects an invalid cursor, %#', async (cursor) => {
    for (const variables of [{ after: cursor }, { last: 1, before: cursor }]) {
      const { errors } = await run(document, variables);
      expect(errors?.map(({ message }) => message)).toEqual([`Invalid cursor: ${cursor.slice(0, 100)}`]);
    }
  });

  it('rejects a negative number', async () => {
    for (const name of ['first', 'last']) {
      const { errors } = await run(document, { [name]: -1 });
      expect(errors?.[0]?.message).toBe(`Argument "${name}" must be a non-negative integer`);
    }
  });
});

describe.each(ofAvatar)('%s', (_list, document) => {
  it('can be read page by page, forwards and backwards', async () => {
    const all = await pageOf(document);
    expect(all.edges).toHaveLength(5);
    const cursors = all.edges.map(({ cursor }) => cursor);
    const front = await pageOf(document, { first: 2 });
    expect(front).toEqual({
      edges: all.edges.slice(0, 2),
      pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: cursors[0], endCursor: cursors[1] },
    });
    const middle = await pageOf(document, { first: 2, after: cursors[1] });
    expect(middle.edges).toEqual(all.edges.slice(2, 4));
    expect(middle.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    const back = await pageOf(document, { last: 2 });
    expect(back.edges).toEqual(all.edges.slice(3));
    expect(back.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const before = await pageOf(document, { last: 2, before: cursors[3] });
    expect(before.edges).toEqual(all.edges.slice(1, 3));
    expect((await pageOf(document, { first: 9, after: cursors[0], before: cursors[4] })).edges).toEqual(
      all.edges.slice(1, 4),
    );
  });

  it('returns pageInfo when only pageInfo is selected', async () => {
    const { pageInfo } = await pageOf(document, { first: 2 });
    const bare = document.replace(fields, 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }');
    expect(await pageOf(bare, { first: 2 })).toEqual({ pageInfo });
  });
});

describe('its photos', () => {
  it('continue after a photo that was removed meanwhile', async () => {
    const [, photos = ''] = ofAvatar[0] ?? [];
    const all = idsOf(await pageOf(photos));
    const front = await pageOf(photos, { first: 2 });
    await api.prisma.photo.delete({ where: { id: uuidIn(all[1] ?? '') } });
    expect(idsOf(await pageOf(photos, { first: 2, after: front.pageInfo.endCursor }))).toEqual(all.slice(2, 4));
  });

  it('can be selected twice, with a different page each time', async () => {
    const { data, errors } = await api.run(
      `query ($id: ID!) { node(id: $id) { ... on AvatarProfile {
        one: photos(first: 1) { edges { node { fileName } } }
        last: photos(last: 1) { edges { node { fileName } } }
        trainings(first: 1) { edges { node { photoCount } } }
        generations(first: 1) { edges { node { prompt } } }
      } } }`,
      { id: avatar },
    );
    expect(errors).toBeUndefined();
    expect(JSON.parse(JSON.stringify(data)).node).toEqual({
      one: { edges: [{ node: { fileName: '1.jpg' } }] },
      last: { edges: [{ node: { fileName: '5.jpg' } }] },
      trainings: { edges: [{ node: { photoCount: 5 } }] },
      generations: { edges: [{ node: { prompt: '5' } }] },
    });
  });
});

describe('the events of a job', () => {
  it('reject a negative number as every list does', async () => {
    const { id } = await api.prisma.job.findFirstOrThrow({ where: { kind: 'TRAINING' } });
    const document = 'query ($id: ID!) { node(id: $id) { ... on Job { events(first: -1) { edges { cursor } } } } }';
    const { errors } = await api.run(document, { id: globalId('Training', id) });
    expect(errors?.[0]?.message).toBe('Argument "first" must be a non-negative integer');
  });
});
