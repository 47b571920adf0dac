import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Job } from '../../prisma/generated/client/client.ts';
import { retryGeneration, startGeneration } from '../../src/generation/commands.ts';
import { AvatarNotReadyError } from '../../src/generation/rules.ts';
import { JobActiveError } from '../../src/job/commands/start-job.ts';
import { type Generations, openGenerations } from '../support/generations.ts';

let server: Generations;
beforeAll(async () => {
  server = await openGenerations();
});
afterAll(() => server.close());

async function startOn(avatar: { id: string; kind: 'PORTRAIT' | 'STYLE' }): Promise<Job> {
  const { id, kind } = avatar;
  return await startGeneration(server.app, server.viewer, {
    avatar: { id, kind },
    prompt: 'a knight',
    preset: 'QUALITY',
    seed: 7,
    numImages: 2,
    idempotencyKey: `key of ${id}`,
  });
}

const retry = (job: Job) => retryGeneration(server.app, server.viewer, job);
const again = (job: Job) => server.prisma.job.findUniqueOrThrow({ where: { id: job.id } });

it.each(['PORTRAIT', 'STYLE'] as const)('starts a new job with the same input for a %s', async (kind) => {
  const job = await startOn(await server.addAvatar(kind));
  await server.move(job, 'FAILED');
  const retried = await retry(await again(job));
  expect(retried).toMatchObject({
    status: 'QUEUED',
    retryOfId: job.id,
    endpoint: job.endpoint,
    input: job.input,
    prompt: job.prompt,
    finalPrompt: job.finalPrompt,
    generationPreset: 'QUALITY',
    idempotencyKey: null,
  });
  expect(retried.id).not.toBe(job.id);
});

it.each([
  ['SUCCEEDED', ['IN_QUEUE', 'FINALIZING', 'SUCCEEDED']],
  ['CANCELLED', ['CANCELLED']],
] as const)('repeats one that %s', async (_end, states) => {
  const job = await startOn(await server.addAvatar('PORTRAIT'));
  await server.move(job, ...states);
  expect(await retry(await again(job))).toMatchObject({ status: 'QUEUED', retryOfId: job.id });
});

it('uses the present model of the avatar', async () => {
  const avatar = await server.addAvatar('PORTRAIT');
  const job = await startOn(avatar);
  await server.move(job, 'FAILED');
  const diffusersLoraFileUrl = 'https://v3.fal.media/files/retrained.safetensors';
  await server.prisma.avatar.update({ where: { id: avatar.id }, data: { diffusersLoraFileUrl } });
  expect((await retry(await again(job))).input).toMatchObject({ loras: [{ path: diffusersLoraFileUrl, scale: 1.2 }] });
});

it('refuses a job that has not ended', async () => {
  const job = await startOn(await server.addAvatar('PORTRAIT'));
  await expect(retry(job)).rejects.toThrow(JobActiveError);
});

it('applies the present rules', async () => {
  const avatar = await server.addAvatar('PORTRAIT');
  const job = await startOn(avatar);
  await server.move(job, 'FAILED');
  const columns = { status: 'FAILED', diffusersLoraFileUrl: null } as const;
  await server.prisma.avatar.update({ where: { id: avatar.id }, data: columns });
  await expect(retry(await again(job))).rejects.toThrow(AvatarNotReadyError);
});
