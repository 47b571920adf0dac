/** Which job a caller means. */
import type { JobKind } from '../../prisma/generated/client/client.ts';
import { uuidOf } from '../graphql/global-id.ts';
import { NotFoundError } from '../refusal/refusal.ts';

/** A job's uuid, with the kind that its global id claims: a training's id under a generation's name names nothing. */
export type JobKey = { id: string; kind: JobKind };

/** Reads a global id. Throws NotFoundError for the id of anything but a job. */
export function jobKey(globalId: string): JobKey {
  const training = uuidOf(globalId, ['Training']);
  if (training !== undefined) return { id: training, kind: 'TRAINING' };
  const generation = uuidOf(globalId, ['Generation']);
  if (generation !== undefined) return { id: generation, kind: 'GENERATION' };
  throw new NotFoundError('job');
}
