/** The steps of a generation: prepares fal's input, copies fal's pictures into our storage and records them. */
import { z } from 'zod';
import type { Job } from '../../prisma/generated/client/client.ts';
import { FalError } from '../fal/errors.ts';
import { artefactField, imagesOutput } from '../fal/model.ts';
import { fieldName, writeAt } from '../fal/settings.ts';
import { type ImageInfo, inspectImage } from '../image/inspect-image.ts';
import type { Task } from '../job/task.ts';
import { lookAt } from '../remote-file/check-content.ts';
import type { WrittenFile } from '../storage/temporary-folder.ts';
import { retryGeneration, type StartParts } from './commands.ts';
import { type LoraParts, loraUrl } from './lora.ts';
import { modelOf, readSettings } from './settings.ts';

/** The largest PNG that fal draws, four megapixels, has about 12 MB. */
const maxImageBytes = 25 * 1024 * 1024;

export type CopiedImages = {
  files: (WrittenFile & { contentType: string })[];
  /** In fal's order. */
  images: CopiedImage[];
  seed: string | undefined;
};

type CopiedImage = WrittenFile & ImageInfo & { hasNsfwConcepts: boolean };

export function generationTask(parts: LoraParts & StartParts): Task<CopiedImages> {
  const { fal, files } = parts;

  /** Streams one image to disk and decodes it completely. */
  async function copyImage({ url, hasNsfwConcepts }: DrawnImage, signal: AbortSignal): Promise<CopiedImage> {
    const bytes = await fal.download(url, { maxBytes: maxImageBytes, signal });
    const { file, inspection: picture } = await files.writeInspected(bytes, {
      maxBytes: maxImageBytes,
      inspect: inspectDrawnImage,
    });
    return { ...file, ...picture, hasNsfwConcepts };
  }

  /** Checks that the picture URLs in the caller's settings are readable. Throws FalError INVALID_INPUT. */
  async function assertPictureUrls(job: Job, signal: AbortSignal): Promise<void> {
    const settings: Record<string, unknown> = readSettings(job.endpoint, job.input);
    for (const [name, { kind, fal: field }] of Object.entries(modelOf(job.endpoint).fields)) {
      const url = settings[name];
      if (kind !== 'URL' || typeof url !== 'string') continue;
      const problem = await lookAt(url, 'PICTURE', { allowLoopback: parts.allowLoopback, signal });
      if (problem !== undefined) throw new FalError('INVALID_INPUT', problem, { field });
    }
  }

  return {
    kind: 'GENERATION',

    async prepare(job, signal) {
      const input = z.record(z.string(), z.json()).parse(job.input);
      await assertPictureUrls(job, signal);
      const { artefact } = modelOf(job.endpoint);
      if (artefact !== 'LORA') return { input };
      const avatar = await parts.prisma.avatar.findUniqueOrThrow({ where: { id: job.avatarId } });
      const url = await loraUrl(parts, avatar, signal);
      if (url !== null) writeAt(input, artefactField[artefact], url);
      return { input, columns: { input } };
    },

    totalSteps({ endpoint, input }) {
      const { steps, input: schema } = modelOf(endpoint);
      return steps && Number(schema.parse(input)[steps.fal]);
    },

    async copy(job, result, signal) {
      const { drawn, seed } = readAnswer(job, result);
      const images = await copyEach(drawn, signal, copyImage);
      return { files: images, images, seed };
    },

    async keep(tx, job, { images, seed }) {
      await tx.generatedImage.createMany({
        data: images.map(({ hash, ...image }, position) => ({
          ...image,
          fileHash: hash,
          ownerId: job.ownerId,
          generationId: job.id,
          position,
        })),
      });
      // The owner does not pay for a picture that the safety checker flagged, but it is stored with its flag.
      const delivered = images.filter(({ hasNsfwConcepts }) => !hasNsfwConcepts).length;
      return { output: { images: images.length }, ...(seed !== undefined && { seed }), delivered };
    },

    async release(tx, job, end) {
      if (end === 'CANCELLED') return;
      // A missing LoRA file may be the cause: the avatar's next generation checks whether fal still has it.
      await tx.avatar.updateMany({
        where: { id: job.avatarId, loraSeenAt: { not: null } },
        data: { loraSeenAt: null },
      });
    },

    retry: (job) => retryGeneration(parts, { id: job.ownerId }, job),

    fieldName: (job, falField) => fieldName(modelOf(job.endpoint), falField),
  };
}

/** Throws FalError RESULT_LOST. */
function inspectDrawnImage(path: string): Promise<ImageInfo> {
  return inspectImage(path).catch((error: unknown) => {
    throw new FalError('RESULT_LOST', 'A picture that fal drew is damaged.', { cause: error });
  });
}

type DrawnImage = { url: string; hasNsfwConcepts: boolean };

/** Returns 1 to numImages images, each with its safety flag. Throws FalError CONTENT_BLOCKED, RESULT_LOST. */
function readAnswer(job: Job, result: unknown): { drawn: DrawnImage[]; seed: string | undefined } {
  const answer = imagesOutput.safeParse(result);
  if (!answer.success) {
    throw new FalError('RESULT_LOST', 'fal’s answer contains no readable pictures.', { cause: answer.error });
  }
  const { numImages } = readSettings(job.endpoint, job.input);
  const flags = answer.data.has_nsfw_concepts ?? [];
  const drawn = answer.data.images
    .slice(0, numImages)
    .map(({ url }, index) => ({ url, hasNsfwConcepts: flags[index] ?? false }));
  const isBlocked = drawn.length === 0 ? flags.includes(true) : drawn.every(({ hasNsfwConcepts }) => hasNsfwConcepts);
  if (isBlocked) throw new FalError('CONTENT_BLOCKED', 'fal’s safety checker flagged every picture.');
  if (drawn.length === 0) throw new FalError('RESULT_LOST', 'fal’s answer contains no picture.');
  const { seed } = answer.data;
  return { drawn, seed: seed === null || seed === undefined ? undefined : String(seed) };
}

/**
 * Copies all items at the same time: there are four at most. Skips an item that fal has lost or damaged, and throws if
 * none is left. A transient error stops the other copies and is thrown once they have stopped, so that the runner retries.
 */
async function copyEach<From, To>(
  items: From[],
  signal: AbortSignal,
  work: (item: From, signal: AbortSignal) => Promise<To>,
): Promise<To[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let passing: { error: unknown } | undefined;
  let lost: unknown;
  const done = await Promise.allSettled(
    items.map((item) =>
      work(item, either).catch((error: unknown) => {
        if (error instanceof FalError && !error.transient) lost ??= error;
        else passing ??= { error };
        if (passing) failed.abort();
        throw error;
      }),
    ),
  );
  if (passing) throw passing.error;
  const copied = done.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (copied.length === 0) throw lost;
  return copied;
}
