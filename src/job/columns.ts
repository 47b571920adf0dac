/** Columns of a job's row as they are set: each a plain value, and those that are left out stay. */
import type { Job, Prisma } from '../../prisma/generated/client/client.ts';

type JsonColumn = 'input' | 'output' | 'falUrls';

export type Columns = { [Name in Exclude<keyof Job, JsonColumn>]?: Job[Name] | undefined } & {
  [Name in JsonColumn]?: Prisma.InputJsonValue | undefined;
};
