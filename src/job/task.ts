/**
 * What a feature implements for its kind of job: the input for fal, how to read fal's result, what to store. The runner
 * knows no feature; app/ gives it one task for each kind.
 *
 * A function without a `tx` may use the network and files, and may run twice, because a step can crash anywhere. It throws
 * FalError for a refusal by fal: the runner retries a transient one until the job's deadline; any other fails the job.
 */
import type { Job, JobKind, Prisma } from '../../prisma/generated/client/client.ts';
import type { Tx } from '../database/client.ts';
import type { WrittenFile } from '../storage/temporary-folder.ts';
import type { Columns } from './columns.ts';

export interface Task<Kept extends KeptFiles = KeptFiles> {
  kind: JobKind;

  /** Returns the input for fal. Uploads what the input refers to, such as a training's archive. */
  prepare(job: Job, signal: AbortSignal): Promise<Prepared>;

  /** The total that identifies the job's own progress bar in fal's logs; undefined when fal's logs show none. */
  totalSteps(job: Job): number | undefined;

  /** Reads the result of a COMPLETED request and copies its files into our storage. Writes nothing to the database. */
  copy(job: Job, result: unknown, signal: AbortSignal): Promise<Kept>;

  /**
   * Records the copied files, in the transaction that makes the job SUCCEEDED. Returns columns of the job, and the number of
   * delivered units, which are charged.
   */
  keep(tx: Tx, job: Job, kept: Kept): Promise<{ output: Prisma.InputJsonObject; seed?: string; delivered: number }>;

  /** Undoes what starting the job changed, in the transaction that makes it FAILED or CANCELLED: its avatar is no longer TRAINING. */
  release(tx: Tx, job: Job, end: 'FAILED' | 'CANCELLED'): Promise<void>;

  /** Starts a new job of the same owner with the input of this ended job. Throws JobActiveError while it runs, and the kind's refusals. */
  retry(job: Job): Promise<Job>;

  /** Translates a field of fal's input, such as `image_size.width`, to this API's: `settings.fluxLora.imageSize.width`. */
  fieldName(job: Job, falField: string): string;
}

/** The files that a copy wrote. The runner records them before it calls `keep`, in the same transaction. */
export type KeptFiles = { files: (WrittenFile & { contentType: string })[] };

export type Prepared = {
  input: Record<string, unknown>;
  /** Columns to write with the intent to submit, such as the URL of an uploaded archive, so that a retry uploads nothing. */
  columns?: Pick<Columns, 'datasetUrl' | 'input'>;
};
