/** What the runner does for a generation: fal's answer becomes images of our own, as many as were asked for, or none. */
import { z } from 'zod';
import type { Job } from '../../prisma/generated/client/client.ts';
import { endpoints } from '../fal/endpoints.ts';
import { FalError } from '../fal/errors.ts';
import type { Fal } from '../fal/port.ts';
import { type Picture, readPicture } from '../image/picture.ts';
import type { Task } from '../job/task.ts';
import type { FileStore, WrittenFile } from '../storage/files.ts';
import { fieldName } from './settings/names.ts';
import { endpointOf, modelOf } from './settings/settings.ts';
import { readSettings } from './settings/wire.ts';

/** The largest PNG that fal draws, four megapixels, has about 12 MB. */
const maxImageBytes = 25 * 1024 * 1024;

export type KeptImages = {
  files: (WrittenFile & { contentType: string })[];
  /** In fal's order. */
  images: KeptImage[];
  seed: string | undefined;
};

type KeptImage = WrittenFile & Picture & { hasNsfwConcepts: boolean };

export function generationTask({ fal, files }: { fal: Pick<Fal, 'download'>; files: FileStore }): Task<KeptImages> {
  /** One image of fal's answer: streamed to disk, then decoded to its end. */
  async function copyImage({ url, hasNsfwConcepts }: DrawnImage, signal: AbortSignal): Promise<KeptImage> {
    const bytes = await fal.download(url, { maxBytes: maxImageBytes, signal });
    const written = await files.write(bytes, { maxBytes: maxImageBytes });
    const picture = await readPicture(files.path(written.hash)).catch((error: unknown) => {
      throw new FalError('RESULT_LOST', 'A picture that fal drew is damaged.', { cause: error });
    });
    return { ...written, ...picture, hasNsfwConcepts };
  }

  return {
    kind: 'GENERATION',

    prepare: async (job) => ({ input: z.record(z.string(), z.unknown()).parse(job.input) }),

    totalSteps(job) {
      const settings = readSettings(job.endpoint, job.input);
      return 'numInferenceSteps' in settings ? settings.numInferenceSteps : undefined;
    },

    async copy(job, result, signal) {
      const { drawn, seed } = readAnswer(job, result);
      const images = await allOrNone(drawn, signal, copyImage);
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
      return { output: { images: images.length }, ...(seed !== undefined && { seed }) };
    },

    async release() {
      // Starting a generation changed nothing but its own row.
    },

    fieldName: (job, falField) => fieldName(modelOf(job.endpoint), falField),
  };
}

type DrawnImage = { url: string; hasNsfwConcepts: boolean };

/** As many images as were asked for, each with its safety flag. Throws FalError CONTENT_BLOCKED, RESULT_LOST. */
function readAnswer(job: Job, result: unknown): { drawn: DrawnImage[]; seed: string | undefined } {
  const { output } = endpoints[endpointOf[modelOf(job.endpoint)]];
  const answer = output.safeParse(result);
  if (!answer.success) {
    throw new FalError('RESULT_LOST', 'fal’s answer holds no pictures that can be read.', { cause: answer.error });
  }
  const { numImages } = readSettings(job.endpoint, job.input);
  const flags = answer.data.has_nsfw_concepts ?? [];
  const drawn = answer.data.images
    .slice(0, numImages)
    .map(({ url }, index) => ({ url, hasNsfwConcepts: flags[index] ?? false }));
  const isBlocked = drawn.length === 0 ? flags.includes(true) : drawn.every(({ hasNsfwConcepts }) => hasNsfwConcepts);
  if (isBlocked) throw new FalError('CONTENT_BLOCKED', 'fal’s safety checker flagged every picture.');
  if (drawn.length < numImages) {
    throw new FalError('RESULT_LOST', `fal’s answer holds ${drawn.length} of the ${numImages} pictures asked for.`);
  }
  const { seed } = answer.data;
  return { drawn, seed: seed === null || seed === undefined ? undefined : String(seed) };
}

/** All at once: there are four at most. The first that fails stops the others, and is thrown once they have stopped. */
async function allOrNone<From, To>(
  items: From[],
  signal: AbortSignal,
  work: (item: From, signal: AbortSignal) => Promise<To>,
): Promise<To[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let reason: unknown;
  const done = await Promise.allSettled(
    items.map((item) =>
      work(item, either).catch((error: unknown) => {
        reason ??= error;
        failed.abort();
        throw error;
      }),
    ),
  );
  return done.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    throw reason;
  });
}
