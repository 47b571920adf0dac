/** The steps of a training: uploads the photos, copies the trained model into our storage and records it. */
import type { Job } from '../../prisma/generated/client/client.ts';
import { FalError } from '../fal/errors.ts';
import type { Fal } from '../fal/port.ts';
import { fieldName } from '../fal/settings.ts';
import type { Task } from '../job/task.ts';
import { lookAt } from '../remote-file/check-content.ts';
import { type CopiedModel, copyArtefact } from './artefact.ts';
import { retryTraining, type StartParts } from './commands.ts';
import { packDataset } from './dataset.ts';
import { trainerOf } from './settings.ts';

export type TrainingParts = StartParts & {
  fal: Fal;
  /** Whether URLs may point at this machine. True only with the simulated fal. */
  allowLoopback: boolean;
};

export function trainingTask(parts: TrainingParts): Task<CopiedModel> {
  return {
    kind: 'TRAINING',

    async prepare(job, signal) {
      const trainer = trainerOf(job.endpoint);
      if (job.photoCount === 0) await assertDataset(job, signal);
      const datasetUrl = job.datasetUrl ?? (await uploadPhotos(job, signal));
      return {
        input: { ...trainer.settingsInput.parse(job.input), [trainer.archiveField]: datasetUrl },
        columns: { datasetUrl },
      };
    },

    totalSteps({ endpoint, input }) {
      const { steps, settingsInput } = trainerOf(endpoint);
      return steps && Number(settingsInput.parse(input)[steps.fal]);
    },

    async copy(job, result, signal) {
      return await copyArtefact(parts, trainerOf(job.endpoint), result, signal);
    },

    // Replaces the model of an avatar that is trained again; the next sweep deletes the old file.
    async keep(tx, job, kept) {
      await tx.avatar.update({ where: { id: job.avatarId }, data: { status: 'READY', ...kept.columns } });
      return { output: kept.output, delivered: 1 };
    },

    async release(tx, job, end) {
      await tx.avatar.updateMany({
        where: { id: job.avatarId, status: 'TRAINING' },
        data: { status: end === 'FAILED' ? 'FAILED' : 'DRAFT' },
      });
    },

    retry: (job) => retryTraining(parts, { id: job.ownerId }, job),

    fieldName(job, falField) {
      const trainer = trainerOf(job.endpoint);
      if (falField !== trainer.archiveField) return fieldName(trainer, falField);
      return job.photoCount === 0 ? 'datasetUrl' : 'photos';
    },
  };

  /** Checks the caller's own archive. Throws FalError INVALID_INPUT. */
  async function assertDataset({ datasetUrl, endpoint }: Job, signal: AbortSignal): Promise<void> {
    if (datasetUrl === null) return;
    const problem = await lookAt(datasetUrl, 'ZIP', { allowLoopback: parts.allowLoopback, signal });
    if (problem === undefined) return;
    throw new FalError('INVALID_INPUT', problem, { field: trainerOf(endpoint).archiveField });
  }

  async function uploadPhotos(job: Job, signal: AbortSignal): Promise<string> {
    const dataset = await packDataset(parts, job.avatarId, signal);
    try {
      return await parts.fal.upload(dataset.blob, { fileName: 'photos.zip', signal });
    } finally {
      await dataset.remove();
    }
  }
}
