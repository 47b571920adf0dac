/** Columns of a job's row as they are set: each a plain value, and those that are left out stay. */
import type { Job, Prisma } from '../../prisma/generated/client/client.ts';

/** What a step may write, as the database's `write_job` has it. */
export const writtenColumns = [
  'status',
  'input',
  'output',
  'requestId',
  'falUrls',
  'queuePosition',
  'percent',
  'step',
  'totalSteps',
  'progressSource',
  'errorCode',
  'errorMessage',
  'errorField',
  'correlationToken',
  'submittingAt',
  'submittedAt',
  'startedAt',
  'finishedAt',
  'deadlineAt',
  'noticedAt',
  'cancelRequestedAt',
  'failures',
  'paidTenths',
  'seed',
  'datasetUrl',
] as const satisfies (keyof Job)[];

type Written = (typeof writtenColumns)[number];
type JsonColumn = 'input' | 'output' | 'falUrls';

export type Columns = { [Name in Exclude<Written, JsonColumn>]?: Job[Name] | undefined } & {
  [Name in JsonColumn]?: Prisma.InputJsonObject | undefined;
};
