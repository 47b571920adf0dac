import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { purgeDeletedAvatars } from '../../src/avatar/purge.ts';
import { type Api, openApi } from '../support/api.ts';
import { globalId, uuidIn } from '../support/global-id.ts';

let api: Api;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

type Avatar = {
  __typename: string;
  id: string;
  name: string;
  status: string;
  isDefault: boolean;
  trigger: string;
  triggerPhrase?: string;
  triggerWord?: string;
  message?: string;
  issues?: { path: string; message: string }[];
};

const create = async (input: object, as = api.viewer) =>
  (await api.call<{ createAvatar: Avatar }>('CreateAvatar', { input }, as)).createAvatar;
const importOf = async (input: object, as = api.viewer) =>
  (await api.call<{ importAvatar: Avatar }>('ImportAvatar', { input }, as)).importAvatar;
const list = async (as = api.viewer) =>
  (await api.call<{ avatars: { edges: { node: Avatar }[] } }>('Avatars', {}, as)).avatars.edges.map(({ node }) => node);
const remove = async (avatarId: string, as = api.viewer) =>
  (
    await api.call<{ deleteAvatar: { __typename: string; deletedId?: string; message?: string } }>(
      'DeleteAvatar',
      { avatarId },
      as,
    )
  ).deleteAvatar;

describe('createAvatar', () => {
  it('creates a portrait with a generated trigger, and makes the first avatar the default', async () => {
    const viewer = await api.addViewer();
    const first = await create({ portrait: { name: '  Ada  ' } }, viewer);
    const trigger = `TOK_${uuidIn(first.id).slice(0, 8)}`;
    expect(first).toEqual({
      __typename: 'PortraitAvatar',
      id: expect.any(String),
      name: 'Ada',
      status: 'DRAFT',
      isDefault: true,
      trigger,
      triggerPhrase: trigger,
      createdAt: expect.any(String),
      readiness: {
        ready: false,
        photoCount: 0,
        minPhotos: 10,
        maxPhotos: 20,
        missing: ['Add 10 more photos: it takes at least 10.'],
      },
      findings: [],
      diffusersLoraFileUrl: null,
      configFileUrl: null,
    });
    expect(await create({ style: { name: 'Ink', triggerWord: ' INKY ' } }, viewer)).toMatchObject({
      __typename: 'StyleAvatar',
      isDefault: false,
      trigger: 'INKY',
      triggerWord: 'INKY',
      finetuneId: null,
    });
  });

  it('names every invalid value', async () => {
    expect(await create({ portrait: { name: 'a/', triggerPhrase: '' } })).toEqual({
      __typename: 'InvalidInputError',
      issues: [
        { path: 'portrait.name', message: 'A name has none of the characters <>:"/\\|?*.' },
        { path: 'portrait.triggerPhrase', message: 'A trigger has 1 to 100 characters.' },
      ],
      message: expect.stringContaining('portrait.name'),
    });
  });

  it('accepts a portrait or a style, but not both and not neither', async () => {
    for (const input of [{}, { portrait: { name: 'Ada' }, style: { name: 'Ink' } }, { portrait: null }]) {
      await expect(create(input)).rejects.toThrow(/"\$input" got invalid value/);
    }
  });

  it('makes one of two avatars that are created at once the default', async () => {
    const viewer = await api.addViewer();
    await Promise.all(['Ada', 'Bea', 'Cleo'].map((name) => create({ portrait: { name } }, viewer)));
    expect((await list(viewer)).filter(({ isDefault }) => isDefault)).toHaveLength(1);
  });

  it('is rejected while the disk is almost full', async () => {
    const full = await openApi({ free: async () => 1 });
    const { createAvatar } = await full.call<{ createAvatar: Avatar }>('CreateAvatar', {
      input: { style: { name: 'Ink' } },
    });
    expect(createAvatar).toMatchObject({ __typename: 'LimitReachedError', message: expect.stringContaining('512 MB') });
    expect(await full.prisma.avatar.count()).toBe(0);
    await full.close();
  });
});

describe('importAvatar', () => {
  it('creates a READY portrait and a READY style', async () => {
    const portrait = {
      name: 'Ada',
      diffusersLoraFileUrl: 'https://example.com/ada.safetensors',
      triggerPhrase: 'a photo of ADA',
    };
    expect(await importOf({ portrait })).toMatchObject({
      __typename: 'PortraitAvatar',
      status: 'READY',
      findings: [],
      configFileUrl: null,
      ...portrait,
    });
    const style = { name: 'Ink', finetuneId: 'ft/1 ½', triggerWord: 'INK' };
    expect(await importOf({ style })).toMatchObject({
      __typename: 'StyleAvatar',
      status: 'READY',
      findings: [],
      ...style,
    });
  });

  it('accepts only https URLs, except those of the simulator’s files on loopback', async () => {
    const portrait = { name: 'Ada', diffusersLoraFileUrl: 'http://127.0.0.1/ada.safetensors', triggerPhrase: 'ADA' };
    expect(await importOf({ portrait })).toMatchObject({
      issues: [{ path: 'portrait.diffusersLoraFileUrl', message: 'Only https is taken, not http.' }],
    });
    const simulated = await openApi({ falMode: 'SIMULATED' });
    expect(await simulated.call('ImportAvatar', { input: { portrait } })).toMatchObject({
      importAvatar: { status: 'READY' },
    });
    await simulated.close();
  });
});

describe('renameAvatar', () => {
  const rename = async (avatarId: string, name: string, as = api.viewer) =>
    (await api.call<{ renameAvatar: Avatar }>('RenameAvatar', { input: { avatarId, name } }, as)).renameAvatar;

  it('changes the name and keeps the trigger', async () => {
    const { id, trigger } = await create({ portrait: { name: 'Ada' } });
    expect(await rename(id, ' Bea ')).toEqual({ __typename: 'PortraitAvatar', id, name: 'Bea' });
    expect((await list()).find((avatar) => avatar.id === id)).toMatchObject({ name: 'Bea', trigger });
  });

  it('rejects an invalid name, and an id that is unknown, of another user’s avatar, or of the other kind', async () => {
    const { id } = await create({ portrait: { name: 'Ada' } });
    expect(await rename(id, '?')).toMatchObject({ __typename: 'InvalidInputError' });
    const missing = { __typename: 'NotFoundError', message: 'There is no such avatar.' };
    expect(await rename(id, 'Bea', await api.addViewer())).toEqual(missing);
    for (const strange of [globalId('StyleAvatar', uuidIn(id)), globalId('Photo', uuidIn(id)), uuidIn(id), '', '💥']) {
      expect(await rename(strange, 'Bea')).toEqual(missing);
    }
  });
});

describe('setDefaultAvatar', () => {
  it('makes this avatar the only default', async () => {
    const viewer = await api.addViewer();
    await create({ portrait: { name: 'Ada' } }, viewer);
    const { id } = await create({ style: { name: 'Ink' } }, viewer);
    for (const _twice of [1, 2]) {
      expect(await api.call('SetDefaultAvatar', { avatarId: id }, viewer)).toEqual({
        setDefaultAvatar: { __typename: 'StyleAvatar', id, isDefault: true },
      });
    }
    expect((await list(viewer)).map(({ name, isDefault }) => [name, isDefault])).toEqual([
      ['Ink', true],
      ['Ada', false],
    ]);
    expect(await api.call('SetDefaultAvatar', { avatarId: id })).toMatchObject({
      setDefaultAvatar: { __typename: 'NotFoundError' },
    });
  });
});

describe('deleteAvatar', () => {
  const inAMoment = () => new Date(Date.now() + 11_000);

  it('makes the oldest remaining avatar the default', async () => {
    const viewer = await api.addViewer();
    const [ada, bea, cleo] = [
      await create({ portrait: { name: 'Ada' } }, viewer),
      await create({ portrait: { name: 'Bea' } }, viewer),
      await create({ portrait: { name: 'Cleo' } }, viewer),
    ];
    await remove(cleo.id, viewer);
    expect((await list(viewer)).map(({ name, isDefault }) => [name, isDefault])).toEqual([
      ['Bea', false],
      ['Ada', true],
    ]);
    expect(await remove(ada.id, viewer)).toEqual({ __typename: 'DeleteAvatarPayload', deletedId: ada.id });
    expect(await list(viewer)).toMatchObject([{ name: 'Bea', isDefault: true }]);
    await remove(bea.id, viewer);
    expect(await list(viewer)).toEqual([]);
    expect(await create({ portrait: { name: 'Dora' } }, viewer)).toMatchObject({ isDefault: true });
  });

  it('returns NotFoundError the second time, and to another user', async () => {
    const { id } = await create({ portrait: { name: 'Ada' } });
    expect(await remove(id, await api.addViewer())).toMatchObject({ __typename: 'NotFoundError' });
    await remove(id);
    expect(await remove(id)).toEqual({ __typename: 'NotFoundError', message: 'There is no such avatar.' });
    expect(await api.call('AvatarById', { id })).toEqual({ node: null });
  });

  it('deletes the photos at once, and the rows in the next purge', async () => {
    const { id } = await importOf({ style: { name: 'Ink', finetuneId: 'ft', triggerWord: 'INK' } });
    const avatarId = uuidIn(id);
    await api.addPhotos(avatarId, 2);
    const finishedAt = new Date();
    await api.prisma.job.create({ data: { ...generation(avatarId), status: 'CANCELLED', finishedAt } });
    await remove(id);
    expect(await api.call('AvatarById', { id })).toEqual({ node: null });
    expect(await api.prisma.photo.count({ where: { avatarId } })).toBe(0);
    await purgeDeletedAvatars(api.app);
    expect(await api.prisma.avatar.count({ where: { id: avatarId } })).toBe(1);
    await purgeDeletedAvatars({ ...api.app, now: inAMoment });
    expect(await api.prisma.avatar.count({ where: { id: avatarId } })).toBe(0);
    expect(await api.prisma.job.count({ where: { avatarId } })).toBe(0);
  });

  it('hides an avatar whose job is at fal, cancels the job, and deletes the rows when the job has ended', async () => {
    const { id } = await importOf({ style: { name: 'Ink', finetuneId: 'ft', triggerWord: 'INK' } });
    const avatarId = uuidIn(id);
    await api.addPhotos(avatarId, 1);
    const { id: jobId } = await api.prisma.job.create({ data: generation(avatarId) });
    await api.move({ id: jobId }, 'IN_QUEUE', 'IN_PROGRESS');
    const drawn = await api.prisma.job.create({ data: generation(avatarId) });
    await api.move(drawn, 'IN_QUEUE', 'FINALIZING', 'SUCCEEDED');
    const { fileHash } = await api.prisma.photo.findFirstOrThrow({ where: { avatarId } });
    const measures = { width: 1, height: 1, byteSize: 1, blurhash: 'x', hasNsfwConcepts: false };
    await api.prisma.generatedImage.create({
      data: {
        ownerId: api.viewer.id,
        generationId: drawn.id,
        position: 0,
        fileHash,
        contentType: 'image/png',
        ...measures,
      },
    });
    await remove(id);
    expect((await list()).some((avatar) => avatar.id === id)).toBe(false);
    expect(await api.prisma.job.findUniqueOrThrow({ where: { id: jobId } })).toMatchObject({
      status: 'IN_PROGRESS',
      cancelRequestedAt: expect.any(Date),
    });
    expect(await api.prisma.photo.count({ where: { avatarId } })).toBe(0);
    expect(await api.prisma.generatedImage.count({ where: { generationId: drawn.id } })).toBe(0);
    expect(await api.prisma.storedFile.count({ where: { hash: fileHash } })).toBe(0);
    expect(await api.prisma.avatar.count({ where: { id: avatarId } })).toBe(1);

    await api.move({ id: jobId }, 'CANCELLED');
    // Not yet: subscribers of the job still have to read its end.
    await purgeDeletedAvatars(api.app);
    expect(await api.prisma.avatar.count({ where: { id: avatarId } })).toBe(1);
    await purgeDeletedAvatars({ ...api.app, now: inAMoment });
    expect(await api.prisma.avatar.count({ where: { id: avatarId } })).toBe(0);
    expect(await api.prisma.job.count({ where: { id: jobId } })).toBe(0);
  });

  it('cancels a job that is not submitted yet, with an event', async () => {
    const { id } = await importOf({ style: { name: 'Ink', finetuneId: 'ft', triggerWord: 'INK' } });
    const avatarId = uuidIn(id);
    const still = await api.prisma.job.create({ data: generation(avatarId) });
    await api.move(still, 'IN_QUEUE');
    const { id: jobId } = await api.prisma.job.create({ data: generation(avatarId) });
    await remove(id);
    expect(await api.prisma.job.findUniqueOrThrow({ where: { id: jobId }, include: { events: true } })).toMatchObject({
      status: 'CANCELLED',
      events: [{ type: 'CANCELLED' }],
    });
  });

  const generation = (avatarId: string) => ({
    ownerId: api.viewer.id,
    avatarId,
    kind: 'GENERATION' as const,
    endpoint: 'fal-ai/flux-pro/finetuned',
    input: {},
    prompt: 'a fox',
    finalPrompt: 'INK a fox',
  });
});
