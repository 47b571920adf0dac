import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Viewer } from '../../src/access/session.ts';
import { type Api, openApi } from '../support/api.ts';
import { uuidIn } from '../support/global-id.ts';

let api: Api;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

type Page = {
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  edges: { cursor: string; node: { id: string; name: string } }[];
};

const page = async (as: Viewer, variables: object = {}) =>
  (await api.call<{ avatars: Page }>('Avatars', { ...variables }, as)).avatars;
const names = ({ edges }: Page) => edges.map(({ node }) => node.name);

/** Avatars of one owner, created a second apart, oldest first. */
async function addAvatars(viewer: Viewer, count: number, from = 1): Promise<string[]> {
  const ids: string[] = [];
  for (let n = from; n < from + count; n += 1) {
    const isStyle = n % 3 === 0;
    const { id } = await api.prisma.avatar.create({
      data: {
        ownerId: viewer.id,
        kind: isStyle ? 'STYLE' : 'PORTRAIT',
        name: `Avatar ${n}`,
        ...(isStyle ? { triggerWord: 'TOK' } : { triggerPhrase: 'TOK' }),
        ...(n % 2 === 0 && { status: 'FAILED' }),
        createdAt: new Date(Date.UTC(2026, 0, 1, 0, 0, n)),
      },
    });
    ids.push(id);
  }
  return ids;
}

describe('avatars', () => {
  it('come newest first, in pages without gaps or repeats', async () => {
    const viewer = await api.addViewer();
    await addAvatars(viewer, 5);
    const first = await page(viewer, { first: 2 });
    expect(names(first)).toEqual(['Avatar 5', 'Avatar 4']);
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await page(viewer, { first: 2, after: first.pageInfo.endCursor });
    expect(names(second)).toEqual(['Avatar 3', 'Avatar 2']);
    const third = await page(viewer, { first: 2, after: second.pageInfo.endCursor });
    expect(names(third)).toEqual(['Avatar 1']);
    expect(third.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
  });

  it('created at the same time are ordered by id', async () => {
    const viewer = await api.addViewer();
    const createdAt = new Date();
    const data = { ownerId: viewer.id, kind: 'PORTRAIT' as const, triggerPhrase: 'TOK', createdAt };
    await api.prisma.avatar.createMany({ data: ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => ({ ...data, name })) });
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const { edges, pageInfo }: Page = await page(viewer, { first: 2, after });
      seen.push(...edges.map(({ node }) => node.name));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen.sort()).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
  });

  it('continue after the cursor when avatars were created meanwhile or the cursor’s avatar was deleted', async () => {
    const viewer = await api.addViewer();
    await addAvatars(viewer, 4);
    const first = await page(viewer, { first: 2 });
    await addAvatars(viewer, 1, 9);
    await api.call('DeleteAvatar', { avatarId: first.edges[1]?.node.id }, viewer);
    expect(names(await page(viewer, { first: 2, after: first.pageInfo.endCursor }))).toEqual(['Avatar 2', 'Avatar 1']);
  });

  it('can be read backwards', async () => {
    const viewer = await api.addViewer();
    await addAvatars(viewer, 5);
    const backwards =
      'query ($last: Int, $before: String) { avatars(last: $last, before: $before) { edges { cursor node { ... on AvatarProfile { name } } } } }';
    const back = async (variables: Record<string, unknown>) =>
      JSON.parse(JSON.stringify((await api.run(backwards, variables, viewer)).data)).avatars as Page;
    const last = await back({ last: 2 });
    expect(names(last)).toEqual(['Avatar 2', 'Avatar 1']);
    expect(names(await back({ last: 2, before: last.edges[0]?.cursor }))).toEqual(['Avatar 4', 'Avatar 3']);
  });

  it('can be filtered by kind and status', async () => {
    const viewer = await api.addViewer();
    await addAvatars(viewer, 6);
    expect(names(await page(viewer, { kind: 'STYLE' }))).toEqual(['Avatar 6', 'Avatar 3']);
    expect(names(await page(viewer, { status: 'FAILED' }))).toEqual(['Avatar 6', 'Avatar 4', 'Avatar 2']);
    expect(names(await page(viewer, { kind: 'PORTRAIT', status: 'DRAFT', first: 1 }))).toEqual(['Avatar 5']);
    expect(names(await page(viewer, { kind: null, status: null }))).toHaveLength(6);
  });

  it('come 20 a page by default and 100 at most; an invalid number or cursor is rejected', async () => {
    const viewer = await api.addViewer();
    const data = { ownerId: viewer.id, kind: 'PORTRAIT' as const, triggerPhrase: 'TOK', name: 'Ada' };
    await api.prisma.avatar.createMany({ data: Array.from({ length: 101 }, () => data) });
    expect((await page(viewer)).edges).toHaveLength(20);
    expect((await page(viewer, { first: 1000 })).edges).toHaveLength(100);
    expect((await page(viewer, { first: 0 })).edges).toEqual([]);
    await expect(page(viewer, { first: -1 })).rejects.toThrow('Argument "first" must be a non-negative integer');
    await expect(page(viewer, { after: 'nonsense' })).rejects.toThrow('Invalid cursor: nonsense');
  });

  it('are not visible to another user', async () => {
    const viewer = await api.addViewer();
    const [id] = await addAvatars(viewer, 1);
    const stranger = await api.addViewer();
    expect((await page(stranger)).edges).toEqual([]);
    const { edges } = await page(viewer);
    expect(uuidIn(edges[0]?.node.id ?? '')).toBe(id);
    expect(await api.call('AvatarById', { id: edges[0]?.node.id }, stranger)).toEqual({ node: null });
  });
});

describe('a page of avatars', () => {
  const document = `query ($first: Int) {
    avatars(first: $first) { edges { node {
      ... on AvatarProfile {
        name status trigger findings { code } readiness { photoCount ready }
        photos(first: 1) { edges { node { url } } }
        trainings(first: 1) { edges { node { status settings { __typename } } } }
        generations(first: 1) { edges { node { status settings { __typename } images { url } } } }
      }
      ... on PortraitAvatar { triggerPhrase diffusersLoraFileUrl }
      ... on StyleAvatar { triggerWord finetuneId }
    } } }
  }`;

  const jobs = `query ($first: Int) {
    jobs(first: $first) { edges { node {
      status
      ... on Training { avatar { ... on AvatarProfile { name readiness { photoCount } photos(first: 1) { edges { node { url } } } } } }
      ... on Generation { avatar { ... on AvatarProfile { name trainings(first: 1) { edges { node { status } } } } } }
    } } }
  }`;

  let viewer: Viewer;
  beforeAll(async () => {
    viewer = await api.addViewer();
    for (const avatarId of await addAvatars(viewer, 50)) {
      await api.addPhotos(avatarId, 1);
      await addJobs(viewer, avatarId);
    }
  });

  /** The number of SQL statements that a page takes, and its nodes. */
  async function read(source: string, list: string, first: number) {
    const query = vi.spyOn(api.pglite, 'query');
    const { data, errors } = await api.run(source, { first }, viewer);
    const statements = query.mock.calls.length;
    query.mockRestore();
    expect(errors).toBeUndefined();
    const { edges } = JSON.parse(JSON.stringify(data))[list];
    expect(edges).toHaveLength(first);
    return { statements, nodes: edges.map(({ node }: { node: unknown }) => node) };
  }

  it('takes the same number of SQL statements for one avatar and for fifty', async () => {
    const one = await read(document, 'avatars', 1);
    const fifty = await read(document, 'avatars', 50);
    expect(fifty.statements).toBe(one.statements);
    // Two statements, because trainings and generations are two selections of one relation.
    expect(one.statements).toBe(2);
    for (const node of fifty.nodes) {
      expect(node).toMatchObject({
        readiness: { photoCount: 1 },
        photos: { edges: [{ node: { url: expect.any(String) } }] },
        trainings: { edges: [{ node: { status: 'CANCELLED' } }] },
        generations: { edges: [{ node: { status: 'SUCCEEDED', images: [{ url: expect.any(String) }] } }] },
      });
    }
  });

  it('is read in one statement when a page of jobs selects the avatars', async () => {
    const hundred = await read(jobs, 'jobs', 100);
    // Without the union's extension keys in avatar/schema.ts it is two.
    expect(hundred.statements).toBe(1);
    expect(hundred.nodes[0]).toMatchObject({ avatar: { trainings: { edges: [{ node: { status: 'CANCELLED' } }] } } });
  });

  async function addJobs(viewer: Viewer, avatarId: string): Promise<void> {
    const owned = { ownerId: viewer.id, avatarId };
    const ended = { finishedAt: new Date() };
    const input = { steps: 1, learning_rate: 0.0001 };
    const training = { kind: 'TRAINING', endpoint: 'fal-ai/flux-lora-portrait-trainer', input, photoCount: 0 } as const;
    await api.prisma.job.create({ data: { ...owned, ...training, ...ended, status: 'CANCELLED' } });
    const drawing = { prompt: 'a fox', finalPrompt: 'TOK a fox', input: { prompt: 'TOK a fox' } };
    const generation = { kind: 'GENERATION', endpoint: 'fal-ai/flux-lora', ...drawing } as const;
    const { id } = await api.prisma.job.create({ data: { ...owned, ...generation } });
    await api.move({ id }, 'IN_QUEUE', 'FINALIZING', 'SUCCEEDED');
    const { fileHash } = await api.prisma.photo.findFirstOrThrow({ where: { avatarId } });
    await api.prisma.generatedImage.create({
      data: {
        ownerId: viewer.id,
        generationId: id,
        position: 0,
        fileHash,
        contentType: 'image/jpeg',
        width: 1,
        height: 1,
        byteSize: 1,
        blurhash: 'x',
        hasNsfwConcepts: false,
      },
    });
  }
});
