/** Finds the job that a global id names. */
import type { JobKind } from '../../prisma/generated/client/client.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { NotFoundError } from '../refusal/refusal.ts';

/** A job's uuid and the kind in its global id. Both must match the row: a training's uuid as a Generation names no job. */
export type JobKey = { id: string; kind: JobKind };

/** Reads a global id. Throws NotFoundError if it is not the id of a job. */
export function jobKey(globalId: string): JobKey {
  const training = uuidOf(globalId, ['Training']);
  if (training !== undefined) return { id: training, kind: 'TRAINING' };
  const generation = uuidOf(globalId, ['Generation']);
  if (generation !== undefined) return { id: generation, kind: 'GENERATION' };
  throw new NotFoundError('job');
}
