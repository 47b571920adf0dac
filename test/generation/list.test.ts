import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countStatements, type Generations, openGenerations } from '../support/generations.ts';
import { globalId, uuidIn } from '../support/global-id.ts';

let server: Generations;
beforeAll(async () => {
  server = await openGenerations();
});
afterAll(() => server.close());

type Page = {
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  edges: { node: { id: string; prompt: string; images: { id: string; url: string }[]; avatar: { id: string } } }[];
};

const page = async (variables: Record<string, unknown> = {}, as = server.viewer) =>
  (await server.call<{ generations: Page }>('Generations', variables, as)).generations;
const prompts = async (variables: Record<string, unknown>) =>
  (await page(variables)).edges.map(({ node }) => node.prompt);

/** A generation for each prompt, each with so many images. */
async function add(avatar: { id: string; ownerId: string }, prompts: string[], images = 1) {
  const jobs = await server.prisma.job.createManyAndReturn({
    data: prompts.map((prompt) => ({
      ownerId: avatar.ownerId,
      avatarId: avatar.id,
      kind: 'GENERATION',
      endpoint: 'fal-ai/flux-lora',
      input: { prompt, loras: [] },
      prompt,
      finalPrompt: prompt,
    })),
  });
  await server.addImages(jobs, images);
  return jobs;
}

describe('generations', () => {
  it('are the viewer’s, newest first, in pages that inserts and deletes do not shift', async () => {
    const avatar = await server.addAvatar('PORTRAIT');
    await add(avatar, ['one', 'two', 'three', 'four', 'five']);
    const first = await page({ first: 2 });
    expect(first.edges.map(({ node }) => node.prompt)).toEqual(['five', 'four']);
    expect(first.pageInfo.hasNextPage).toBe(true);

    await add(avatar, ['six']);
    await server.prisma.job.delete({ where: { id: uuidIn(first.edges[1]?.node.id ?? '') } });
    const second = await page({ first: 2, after: first.pageInfo.endCursor });
    expect(second.edges.map(({ node }) => node.prompt)).toEqual(['three', 'two']);
    const last = await page({ first: 2, after: second.pageInfo.endCursor });
    expect(last.edges.map(({ node }) => node.prompt)).toEqual(['one']);
    expect(last.pageInfo.hasNextPage).toBe(false);
  });

  it('can be paged from the end', async () => {
    const query = `query($before: String) { generations(last: 2, before: $before) { pageInfo { startCursor hasPreviousPage } edges { node { prompt } } } }`;
    const { data } = await server.run(query);
    expect(data).toMatchObject({
      generations: {
        edges: [{ node: { prompt: 'two' } }, { node: { prompt: 'one' } }],
        pageInfo: { hasPreviousPage: true },
      },
    });
  });

  it('refuse an invalid cursor', async () => {
    const { data, errors } = await server.run('{ generations(after: "nonsense") { edges { cursor } } }');
    expect(data).toBeNull();
    expect(errors?.[0]?.message).toBe('Invalid cursor: nonsense');
  });

  it('can be limited to one avatar', async () => {
    const avatar = await server.addAvatar('STYLE');
    await add(avatar, ['of the style']);
    expect(await prompts({ avatarId: avatar.globalId })).toEqual(['of the style']);
  });

  it('are empty for an avatar that does not exist or belongs to another user, and for an id that is not an avatar’s', async () => {
    const stranger = await server.addViewer();
    const theirs = await server.addAvatar('PORTRAIT', { ownerId: stranger.id });
    await add(theirs, ['theirs']);
    const nobody = globalId('PortraitAvatar', '00000000-0000-4000-8000-000000000000');
    const style = await server.addAvatar('STYLE');
    await add(style, ['of the style']);
    const renamed = globalId('PortraitAvatar', style.id);
    for (const avatarId of [nobody, 'nonsense', '', theirs.globalId, renamed]) {
      expect(await prompts({ avatarId })).toEqual([]);
    }
    expect((await page({}, stranger)).edges.map(({ node }) => node.prompt)).toEqual(['theirs']);
    expect(await prompts({})).not.toContain('theirs');
  });

  it('disappear with a deleted avatar', async () => {
    const avatar = await server.addAvatar('PORTRAIT');
    const [job] = await add(avatar, ['of a deleted avatar']);
    await server.prisma.avatar.update({ where: { id: avatar.id }, data: { deletedAt: new Date() } });
    expect(await prompts({})).not.toContain('of a deleted avatar');
    const id = globalId('Generation', job?.id ?? '');
    expect(await server.call('GenerationById', { id })).toEqual({ node: null });
  });
});

describe('generations by search', () => {
  beforeAll(async () => {
    const avatar = await server.addAvatar('PORTRAIT', { name: 'Searched' });
    await add(avatar, ['A Knight at 100% speed', 'a knight_errant', String.raw`a back\slash`, 'ΑΘΗΝΑ at night']);
  });

  it.each([
    ['any case', 'kNIGHT', ['a knight_errant', 'A Knight at 100% speed']],
    ['another script in any case', 'αθηνα', ['ΑΘΗΝΑ at night']],
    ['a percent sign', '0% s', ['A Knight at 100% speed']],
    ['a percent sign that is not there', 'a%t', []],
    ['an underscore', 't_e', ['a knight_errant']],
    ['an underscore that is not there', 'a_knight', []],
    ['a backslash', String.raw`k\s`, [String.raw`a back\slash`]],
    ['a NUL', 'a\0', []],
    ['half a surrogate pair', '\ud83e', []],
    ['quotes', `'; DROP TABLE "Job"; --`, []],
  ])('for %s', async (_what, search, expected) => {
    expect(await prompts({ search })).toEqual(expected);
  });

  it('return all of them without a search text', async () => {
    expect(await prompts({ search: '' })).toEqual(await prompts({}));
  });
});

describe('SQL statements', () => {
  const many = (count: number) => Array.from({ length: count }, (_, number) => `number ${number}`);
  const avatars = `{ avatars(first: 50) { edges { node { ... on AvatarProfile { name generations(first: 3) { edges { node {
    id prompt settings { __typename } images { id url(width: 64, format: WEBP) } avatar { ... on AvatarProfile { id } } } } }
    trainings(first: 1) { edges { node { id } } } } } } } }`;

  it('are as many for a page of 50 as for a page of one, and a page holds 100 at most', async () => {
    const avatar = await server.addAvatar('PORTRAIT', { name: 'Of many' });
    await add(avatar, many(51), 0);
    await add(avatar, many(50), 4);
    const run = (first: number) =>
      countStatements(server.pglite, async () => {
        const { edges } = await page({ first });
        expect(edges).toHaveLength(first);
        expect(edges[0]?.node.images).toHaveLength(4);
      });
    await run(1);
    const one = await run(1);
    expect(one).toBeGreaterThan(0);
    expect(await run(50)).toBe(one);
    expect(one).toBeLessThanOrEqual(3);
    expect((await page({ first: 101 })).edges).toHaveLength(100);
  });

  it('are as many for the generations of many avatars as for those of one', async () => {
    const count = () =>
      countStatements(server.pglite, async () => {
        const { errors } = await server.run(avatars);
        expect(errors).toBeUndefined();
      });
    await count();
    const before = await count();
    for (let number = 0; number < 20; number++) await add(await server.addAvatar('STYLE'), ['of one more'], 2);
    expect(await count()).toBe(before);
  });
});

describe('the client documents', () => {
  it('read one generation with all its fields', async () => {
    const avatar = await server.addAvatar('PORTRAIT');
    const [job] = await add(avatar, ['read whole'], 2);
    const { node } = await server.call<{ node: Record<string, unknown> }>('GenerationById', {
      id: globalId('Generation', job?.id ?? ''),
    });
    expect(node).toMatchObject({
      prompt: 'read whole',
      avatar: { id: avatar.globalId, name: 'Ada' },
      images: [{ contentType: 'image/png' }, { contentType: 'image/png' }],
      error: null,
      seed: null,
    });
  });

  it('read the presets, each with its numbers for each model', async () => {
    const { generationPresets } = await server.call<{
      generationPresets: { name: string; settingsFor: { __typename: string }[]; typicalSeconds: object }[];
    }>('GenerationPresets', {});
    expect(generationPresets.map(({ name }) => name)).toEqual([
      'FAST',
      'BALANCED',
      'QUALITY',
      'ULTRA',
      'PORTRAIT',
      'LANDSCAPE',
      'ARTISTIC',
      'PHOTOREALISTIC',
    ]);
    expect(generationPresets.map(({ typicalSeconds }) => typicalSeconds)).toEqual([
      { min: 15, max: 25 },
      { min: 25, max: 35 },
      { min: 40, max: 60 },
      { min: 60, max: 90 },
      { min: 30, max: 45 },
      { min: 25, max: 40 },
      { min: 30, max: 45 },
      { min: 35, max: 50 },
    ]);
    const byName = (wanted: string) => generationPresets.find(({ name }) => name === wanted)?.settingsFor;
    expect(byName('ARTISTIC')).toMatchObject([
      { __typename: 'FluxLoraSettings', loraScale: 1.3, numInferenceSteps: 35, guidanceScale: 4 },
      { __typename: 'FluxProFinetunedSettings', finetuneStrength: 1.3, safetyTolerance: 3 },
    ]);
    expect(byName('ULTRA')).toMatchObject([
      { __typename: 'FluxProUltraFinetunedSettings', finetuneStrength: 1.1, aspectRatio: 'RATIO_1_1', raw: false },
    ]);
  });
});
