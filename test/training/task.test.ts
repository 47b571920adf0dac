import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Avatar, Job, Prisma } from '../../prisma/generated/client/client.ts';
import { safetensors } from '../../src/fal-simulator/training/safetensors.ts';
import { type Api, openApi } from '../support/api.ts';
import { addAvatar, addJob } from '../support/rows.ts';

let api: Api;
beforeAll(async () => {
  api = await openApi();
});
afterAll(() => api.close());

const signal = new AbortController().signal;

/** An avatar that is being trained, and its training. */
async function addTraining(
  kind: 'PORTRAIT' | 'STYLE',
  columns: Partial<Prisma.JobUncheckedCreateInput> = {},
): Promise<{ avatar: Avatar; job: Job }> {
  const trigger = kind === 'PORTRAIT' ? { triggerPhrase: 'TOK' } : { triggerPhrase: null, triggerWord: 'TOK' };
  const none = { status: 'TRAINING' as const, diffusersLoraFileUrl: null };
  const avatar = await addAvatar(api.prisma, api.viewer.id, { kind, ...trigger, ...none });
  const job = await addJob(api.prisma, avatar, {
    kind: 'TRAINING',
    endpoint: kind === 'PORTRAIT' ? 'fal-ai/flux-lora-portrait-trainer' : 'fal-ai/flux-pro-trainer',
    input: kind === 'PORTRAIT' ? { steps: 1234 } : { iterations: 321, finetune_comment: 'Ink' },
    prompt: null,
    finalPrompt: null,
    photoCount: 0,
    datasetUrl: 'https://example.com/photos.zip',
    ...columns,
  });
  return { avatar, job };
}

const avatarOf = ({ avatarId }: Job) => api.prisma.avatar.findUniqueOrThrow({ where: { id: avatarId } });

describe('prepare', () => {
  it('sends the archive in the field that each trainer reads', async () => {
    const { job: portrait } = await addTraining('PORTRAIT');
    expect(await api.task.prepare(portrait, signal)).toMatchObject({
      input: { steps: 1234, images_data_url: 'https://example.com/photos.zip' },
      columns: { datasetUrl: 'https://example.com/photos.zip' },
    });
    const { job: style } = await addTraining('STYLE');
    const { input } = await api.task.prepare(style, signal);
    expect(input).toMatchObject({ iterations: 321, data_url: 'https://example.com/photos.zip' });
    expect(input).not.toHaveProperty('images_data_url');
    expect(api.fal.uploads).toEqual([]);
  });

  it('packs and uploads the photos once', async () => {
    const { job } = await addTraining('PORTRAIT', { photoCount: 10, datasetUrl: null });
    const { columns, input } = await api.task.prepare(job, signal);
    const datasetUrl = columns?.datasetUrl as string;
    expect(api.fal.uploads).toEqual([{ fileName: 'photos.zip', byteSize: expect.any(Number), url: datasetUrl }]);
    expect(input['images_data_url']).toBe(datasetUrl);
    // The runner keeps the URL on the row: preparing again puts nothing up.
    expect(await api.task.prepare({ ...job, datasetUrl }, signal)).toMatchObject({ columns: { datasetUrl } });
    expect(api.fal.uploads).toHaveLength(1);
  });
});

it('counts the steps of the training and not those of other progress bars', async () => {
  expect(api.task.totalSteps((await addTraining('PORTRAIT')).job)).toBe(1234);
  expect(api.task.totalSteps((await addTraining('STYLE')).job)).toBe(321);
});

it('translates fal’s field to this API’s name', async () => {
  const { job } = await addTraining('PORTRAIT');
  expect(api.task.fieldName(job, 'learning_rate')).toBe('settings.fluxLoraPortraitTrainer.learningRate');
  expect(api.task.fieldName(job, 'images_data_url')).toBe('datasetUrl');
  expect(api.task.fieldName({ ...job, photoCount: 10 }, 'images_data_url')).toBe('photos');
});

describe('a portrait’s model', () => {
  const lora = 'https://v3.fal.media/files/lora.safetensors';
  const config = 'https://v3.fal.media/files/config.json';
  const result = { diffusers_lora_file: { url: lora, file_size: null }, config_file: { url: config } };
  const weights = safetensors('seed', {});

  beforeEach(() => {
    api.fal.files.set(lora, weights);
    api.fal.files.set(config, Buffer.from('{"steps": 1234}'));
  });

  it('is copied, recorded and assigned to the avatar', async () => {
    const { job } = await addTraining('PORTRAIT');
    const kept = await api.task.copy(job, result, signal);
    expect(await api.task.copy(job, result, signal)).toEqual(kept);
    const { output } = await api.prisma.$transaction(async (tx) => {
      await api.files.record(tx, kept.files);
      return api.task.keep(tx, job, kept);
    });
    expect(output).toMatchObject({ diffusers_lora_file: { url: lora }, config_file: { url: config } });
    expect(await avatarOf(job)).toMatchObject({
      status: 'READY',
      diffusersLoraFileUrl: lora,
      configFileUrl: config,
      loraFileHash: kept.files[0]?.hash,
      configFileHash: kept.files[1]?.hash,
    });
    expect(kept.files).toMatchObject([{ byteSize: weights.length }, { contentType: 'application/json' }]);
  });

  it.each([
    ['no answer', null, 'fal’s answer names no LoRA file and config file.'],
    [
      'an answer without a config',
      { diffusers_lora_file: { url: lora } },
      'fal’s answer names no LoRA file and config file.',
    ],
    ['a finetune', { finetune_id: 'ft' }, 'fal’s answer names no LoRA file and config file.'],
    ['a file that is gone', { ...result, diffusers_lora_file: { url: `${lora}?` } }, 'The file is gone.'],
  ])('is not believed from %s', async (_what, answer, message) => {
    const { job } = await addTraining('PORTRAIT');
    await expect(api.task.copy(job, answer, signal)).rejects.toMatchObject({ code: 'RESULT_LOST', message });
  });

  it.each([
    ['a LoRA file of zero bytes', lora, Buffer.alloc(0), 'The LoRA file that fal made is not a safetensors file.'],
    [
      'a LoRA file that is cut off',
      lora,
      weights.subarray(0, -1),
      'The LoRA file that fal made is not a safetensors file.',
    ],
    ['a config that is no JSON', config, Buffer.from('steps: 1'), 'The config file that fal made is not JSON.'],
    ['a config that is a number', config, Buffer.from('1'), 'The config file that fal made is not JSON.'],
    ['a config of more than a megabyte', config, Buffer.alloc(1024 ** 2 + 1, ' '), 'The file is too large.'],
  ])('is not %s', async (_what, url, bytes, message) => {
    const { job } = await addTraining('PORTRAIT');
    api.fal.files.set(url, bytes);
    await expect(api.task.copy(job, result, signal)).rejects.toMatchObject({ code: 'RESULT_LOST', message });
  });
});

describe('a style’s model', () => {
  it('is its finetune id', async () => {
    const { job } = await addTraining('STYLE');
    const kept = await api.task.copy(job, { finetune_id: 'ft-7' }, signal);
    expect(kept.files).toEqual([]);
    expect(await api.prisma.$transaction((tx) => api.task.keep(tx, job, kept))).toEqual({
      output: { finetune_id: 'ft-7' },
      delivered: 1,
    });
    expect(await avatarOf(job)).toMatchObject({ status: 'READY', finetuneId: 'ft-7', diffusersLoraFileUrl: null });
  });

  it.each([{}, { finetune_id: '' }, { finetune_id: 7 }])('is not %j', async (answer) => {
    const { job } = await addTraining('STYLE');
    await expect(api.task.copy(job, answer, signal)).rejects.toMatchObject({
      code: 'RESULT_LOST',
      message: 'fal’s answer names no finetune id.',
    });
  });
});

describe('release', () => {
  it.each([
    ['FAILED', 'FAILED'],
    ['CANCELLED', 'DRAFT'],
  ] as const)('of a %s training leaves the avatar %s', async (end, status) => {
    const { job } = await addTraining('STYLE');
    await api.task.release(api.prisma, job, end);
    expect(await avatarOf(job)).toMatchObject({ status });
  });

  it('leaves a READY avatar READY', async () => {
    const { job } = await addTraining('STYLE');
    await api.prisma.avatar.update({ where: { id: job.avatarId }, data: { status: 'READY', finetuneId: 'old' } });
    await api.task.release(api.prisma, job, 'FAILED');
    expect(await avatarOf(job)).toMatchObject({ status: 'READY', finetuneId: 'old' });
  });
});
