/**
 * What a feature tells the runner about its kind of job: what to ask fal, how to read its answer, what to keep.
 * The runner knows no feature; main.ts hands it one task a kind.
 *
 * Every function that takes no `tx` may do network and file work, may be run twice (a step can crash anywhere), and
 * throws FalError for what fal refused: a transient one is tried again until the job's deadline, any other ends it.
 */
import type { Job, JobKind, Prisma } from '../../prisma/generated/client/client.ts';
import type { Tx } from '../database/client.ts';
import type { WrittenFile } from '../storage/temporary-folder.ts';
import type { Columns } from './columns.ts';

export interface Task<Kept extends KeptFiles = KeptFiles> {
  kind: JobKind;

  /** What fal is sent: the job's input, with what must be put up first (a training's archive) put up. */
  prepare(job: Job, signal: AbortSignal): Promise<Prepared>;

  /** The total of the progress bar that counts this job's own steps; undefined when fal's logs show none. */
  totalSteps(job: Job): number | undefined;

  /** Reads the result of a COMPLETED request and copies its files into our storage. Nothing is recorded yet. */
  copy(job: Job, result: unknown, signal: AbortSignal): Promise<Kept>;

  /** Records what was copied, in the transaction that makes the job SUCCEEDED. Returns the job's columns of it, and how many of its units were delivered, which are paid. */
  keep(tx: Tx, job: Job, kept: Kept): Promise<{ output: Prisma.InputJsonObject; seed?: string; delivered: number }>;

  /** Undoes what starting did, in the transaction that makes the job FAILED or CANCELLED: an avatar is no longer TRAINING. */
  release(tx: Tx, job: Job, end: 'FAILED' | 'CANCELLED'): Promise<void>;

  /** Starts a new job of the same owner with the input of this ended one. Throws JobActiveError while it runs, and the kind's refusals. */
  retry(job: Job): Promise<Job>;

  /** A field of fal's input, as `image_size.width`, in the words of this API's own input: `settings.fluxLora.imageSize.width`. */
  fieldName(job: Job, falField: string): string;
}

/** The files that a copy wrote; the runner records them before `keep`, in its transaction. */
export type KeptFiles = { files: (WrittenFile & { contentType: string })[] };

export type Prepared = {
  input: Record<string, unknown>;
  /** What preparing changed of the job; written with the intent to submit. A training's archive, so that preparing again uploads nothing. */
  columns?: Pick<Columns, 'datasetUrl' | 'input'>;
};
