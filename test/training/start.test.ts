import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../prisma/generated/client/client.ts';
import { retryTraining } from '../../src/training/commands.ts';
import { type Api, openApi } from '../support/api.ts';
import { globalId, uuidIn } from '../support/global-id.ts';

let api: Api;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

type Started = {
  __typename: string;
  id: string;
  status: string;
  endpoint: string;
  photoCount: number;
  avatar: { id: string; status: string };
  settings: Record<string, unknown>;
  message: string;
  issues: { path: string; message: string }[];
  job: { id: string; status?: string };
  readiness: { missing: string[] };
};

const start = async (input: Record<string, unknown>, as = api.viewer) =>
  (await api.call<{ startTraining: Started }>('StartTraining', { input }, as)).startTraining;

/** A DRAFT avatar with photos: its global id. */
async function addAvatar(kind: 'portrait' | 'style', photos = 10): Promise<string> {
  const { createAvatar } = await api.call<{ createAvatar: { id: string } }>('CreateAvatar', {
    input: { [kind]: { name: kind === 'portrait' ? 'Ada' : 'Ink' } },
  });
  await api.addPhotos(uuidIn(createAvatar.id), photos);
  return createAvatar.id;
}

const jobOf = (id: string): Promise<Job> => api.prisma.job.findUniqueOrThrow({ where: { id: uuidIn(id) } });
const statusOf = async (avatarId: string) =>
  (await api.prisma.avatar.findUniqueOrThrow({ where: { id: uuidIn(avatarId) } })).status;

describe('startTraining', () => {
  it('starts a portrait with the numbers of BALANCED: job, event, step and status together', async () => {
    const avatarId = await addAvatar('portrait', 12);
    const trigger = `TOK_${uuidIn(avatarId).slice(0, 8)}`;
    const started = await start({ avatarId });
    expect(started).toEqual({
      __typename: 'Training',
      id: expect.any(String),
      status: 'QUEUED',
      endpoint: 'fal-ai/flux-lora-portrait-trainer',
      photoCount: 12,
      avatar: { id: avatarId, status: 'TRAINING' },
      settings: {
        __typename: 'FluxLoraPortraitTrainerSettings',
        steps: 2500,
        learningRate: 0.00009,
        multiresolutionTraining: true,
        subjectCrop: true,
        createMasks: true,
        triggerPhrase: trigger,
      },
    });
    const job = await api.prisma.job.findUniqueOrThrow({
      where: { id: uuidIn(started.id) },
      include: { events: true },
    });
    expect(job).toMatchObject({
      trainingPreset: 'BALANCED',
      datasetUrl: null,
      lastSequence: 1,
      events: [{ sequence: 1, type: 'QUEUED' }],
    });
    expect(job.input).not.toHaveProperty('images_data_url');
    const { rows } = await api.pglite.query(`SELECT 1 FROM pgboss.job WHERE data->>'jobId' = $1`, [job.id]);
    expect(rows).toHaveLength(1);
  });

  it('starts a style with its own settings over the preset, field by field', async () => {
    const avatarId = await addAvatar('style');
    const fluxProTrainer = {
      mode: 'CHARACTER',
      iterations: 777,
      priority: 'HIGH_RES_ONLY',
      captioning: false,
      loraRank: null,
    };
    expect(await start({ avatarId, preset: 'FAST', settings: { fluxProTrainer } })).toMatchObject({
      endpoint: 'fal-ai/flux-pro-trainer',
      settings: {
        __typename: 'FluxProTrainerSettings',
        mode: 'CHARACTER',
        iterations: 777,
        learningRate: 0.0001,
        priority: 'HIGH_RES_ONLY',
        captioning: false,
        loraRank: 16,
        finetuneType: 'LORA',
        triggerWord: `TOK_${uuidIn(avatarId).slice(0, 8)}`,
        comment: 'Ink',
      },
    });
  });

  it('trains from a ready archive without photos', async () => {
    const avatarId = await addAvatar('style', 0);
    const started = await start({ avatarId, datasetUrl: 'https://example.com/photos.zip' });
    expect(started).toMatchObject({ __typename: 'Training', photoCount: 0 });
    expect(await jobOf(started.id)).toMatchObject({ datasetUrl: 'https://example.com/photos.zip' });
  });

  it('leaves a READY avatar READY', async () => {
    const { importAvatar } = await api.call<{ importAvatar: { id: string } }>('ImportAvatar', {
      input: { style: { name: 'Ink', finetuneId: 'ft', triggerWord: 'INK' } },
    });
    const started = await start({ avatarId: importAvatar.id, datasetUrl: 'https://example.com/photos.zip' });
    expect(started.avatar.status).toBe('READY');
  });

  it.each([9, 21])('refuses %i photos, with what is missing, and changes nothing', async (photos) => {
    const avatarId = await addAvatar('portrait', photos);
    expect(await start({ avatarId })).toEqual({
      __typename: 'DatasetNotReadyError',
      message: expect.stringMatching(/1 (more )?photo/),
      readiness: { missing: [expect.any(String)] },
    });
    expect(await statusOf(avatarId)).toBe('DRAFT');
    expect(await api.prisma.job.count({ where: { avatarId: uuidIn(avatarId) } })).toBe(0);
  });

  it('refuses a second training of the same avatar, also when both come at once', async () => {
    const avatarId = await addAvatar('portrait');
    const both = await Promise.all([start({ avatarId }), start({ avatarId, preset: 'FAST' })]);
    const started = both.find(({ __typename }) => __typename === 'Training');
    expect(both.find(({ __typename }) => __typename === 'JobActiveError')).toEqual({
      __typename: 'JobActiveError',
      message: 'This avatar is being trained already. Wait for the end, or cancel that training first.',
      job: { id: started?.id, status: 'QUEUED' },
    });
    await api.move({ id: uuidIn(started?.id ?? '') }, 'FAILED');
    expect(await start({ avatarId })).toMatchObject({ __typename: 'Training' });
  });

  it.each([
    [
      'portrait',
      { fluxProTrainer: { iterations: 300 } },
      { path: 'settings.fluxProTrainer', message: 'A portrait is trained by fluxLoraPortraitTrainer.' },
    ],
    [
      'portrait',
      { fluxLoraPortraitTrainer: { steps: 0 } },
      { path: 'settings.fluxLoraPortraitTrainer.steps', message: 'Takes 1 to 10000.' },
    ],
    [
      'style',
      { fluxProTrainer: { loraRank: 8 } },
      { path: 'settings.fluxProTrainer.loraRank', message: 'Takes 16 or 32.' },
    ],
  ] as const)('refuses settings of a %s: %j', async (kind, settings, issue) => {
    const avatarId = await addAvatar(kind);
    expect(await start({ avatarId, settings })).toMatchObject({ __typename: 'InvalidInputError', issues: [issue] });
    expect(await statusOf(avatarId)).toBe('DRAFT');
  });

  it('finds no avatar of another user, and none by the id of another object', async () => {
    const avatarId = await addAvatar('portrait');
    expect(await start({ avatarId }, await api.addViewer())).toMatchObject({ __typename: 'NotFoundError' });
    expect(await start({ avatarId: globalId('StyleAvatar', uuidIn(avatarId)) })).toMatchObject({
      __typename: 'NotFoundError',
    });
    expect(await start({ avatarId: globalId('Training', uuidIn(avatarId)) })).toMatchObject({
      __typename: 'NotFoundError',
    });
  });

  it('is refused while the disk is almost full', async () => {
    let free = Number.MAX_SAFE_INTEGER;
    const full = await openApi({ free: async () => free });
    const { createAvatar } = await full.call<{ createAvatar: { id: string } }>('CreateAvatar', {
      input: { style: { name: 'Ink' } },
    });
    free = 1;
    expect(
      await full.call('StartTraining', {
        input: { avatarId: createAvatar.id, datasetUrl: 'https://example.com/a.zip' },
      }),
    ).toMatchObject({ startTraining: { __typename: 'LimitReachedError' } });
    await full.close();
  });
});

describe('an idempotency key', () => {
  it('returns the same job for the same input, also to concurrent calls', async () => {
    const avatarId = await addAvatar('portrait');
    const settings = { fluxLoraPortraitTrainer: { steps: 500, learningRate: 0.0001 } };
    const input = { avatarId, settings, idempotencyKey: 'once' };
    const [first, second] = await Promise.all([start(input), start(input)]);
    expect(second).toEqual(first);
    const reordered = { fluxLoraPortraitTrainer: { learningRate: 0.0001, steps: 500, createMasks: null } };
    expect(await start({ ...input, preset: 'BALANCED', settings: reordered })).toEqual(first);
    await api.move({ id: uuidIn(first.id) }, 'CANCELLED');
    expect(await start(input)).toMatchObject({ id: first.id, status: 'CANCELLED' });
    expect(await api.prisma.job.count({ where: { avatarId: uuidIn(avatarId) } })).toBe(1);
  });

  it('is refused with another input', async () => {
    const avatarId = await addAvatar('portrait');
    const first = await start({ avatarId, idempotencyKey: 'twice' });
    expect(await start({ avatarId, preset: 'FAST', idempotencyKey: 'twice' })).toEqual({
      __typename: 'IdempotencyConflictError',
      message: expect.any(String),
      job: { id: first.id },
    });
  });

  it.each(['', 'k'.repeat(201)])('of %# is refused', async (idempotencyKey) => {
    const avatarId = await addAvatar('portrait', 0);
    expect(await start({ avatarId, idempotencyKey })).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: 'idempotencyKey' }],
    });
  });
});

describe('retryTraining', () => {
  it('starts a new job with the same settings and the present photos', async () => {
    const avatarId = await addAvatar('portrait', 10);
    const { id } = await start({ avatarId, preset: 'QUALITY', settings: { fluxLoraPortraitTrainer: { steps: 42 } } });
    const first = await jobOf(id);
    await expect(retryTraining(api.app, api.viewer, first)).rejects.toMatchObject({
      name: 'JobActiveError',
      job: { id: first.id },
    });
    await api.prisma.job.update({ where: { id: first.id }, data: { datasetUrl: 'https://v3.fal.media/old.zip' } });
    const failed = await api.move(first, 'FAILED');
    await api.task.release(api.prisma, failed, 'FAILED');
    await api.addPhotos(uuidIn(avatarId), 3);
    const retried = await retryTraining(api.app, api.viewer, failed);
    expect(retried).toMatchObject({
      status: 'QUEUED',
      retryOfId: first.id,
      input: first.input as object,
      trainingPreset: 'QUALITY',
      photoCount: 13,
      datasetUrl: null,
    });
    expect(await statusOf(avatarId)).toBe('TRAINING');
    await expect(retryTraining(api.app, api.viewer, failed)).rejects.toMatchObject({ job: { id: retried.id } });
  });

  it('trains from the caller’s archive again, under the present rules', async () => {
    const avatarId = await addAvatar('style', 0);
    const { id } = await start({ avatarId, datasetUrl: 'https://example.com/photos.zip' });
    const failed = await api.move(await jobOf(id), 'FAILED');
    expect(await retryTraining(api.app, api.viewer, failed)).toMatchObject({
      datasetUrl: 'https://example.com/photos.zip',
      photoCount: 0,
    });
    const portrait = await start({ avatarId: await addAvatar('portrait') });
    const ended = await api.move(await jobOf(portrait.id), 'CANCELLED');
    await api.prisma.photo.deleteMany({ where: { avatarId: ended.avatarId, position: 1 } });
    await expect(retryTraining(api.app, api.viewer, ended)).rejects.toMatchObject({ name: 'DatasetNotReadyError' });
    await expect(retryTraining(api.app, await api.addViewer(), ended)).rejects.toMatchObject({ name: 'NotFoundError' });
  });
});

describe('trainingPresets', () => {
  it('have settings for both trainers', async () => {
    const { trainingPresets } = await api.call<{ trainingPresets: { name: string; settingsFor: object[] }[] }>(
      'TrainingPresets',
    );
    expect(trainingPresets.map(({ name }) => name)).toEqual(['FAST', 'BALANCED', 'QUALITY']);
    expect(trainingPresets[0]?.settingsFor).toEqual([
      {
        __typename: 'FluxLoraPortraitTrainerSettings',
        steps: 1000,
        learningRate: 0.0002,
        multiresolutionTraining: true,
        subjectCrop: true,
        createMasks: false,
        triggerPhrase: null,
      },
      {
        __typename: 'FluxProTrainerSettings',
        mode: 'STYLE',
        iterations: 150,
        learningRate: 0.0001,
        priority: 'SPEED',
        captioning: true,
        loraRank: 16,
        finetuneType: 'LORA',
        triggerWord: null,
        comment: null,
      },
    ]);
  });
});
