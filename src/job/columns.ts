/** The columns of a job's row that a step writes. A column that is left out keeps its value. */
import type { Job, Prisma } from '../../prisma/generated/client/client.ts';

/** The SQL function `write_job` has the same list. */
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
