import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Avatar, JobStatus } from '../../prisma/generated/client/client.ts';
import { JobErrorCode } from '../../prisma/generated/client/enums.ts';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { isEnded, isRetryable, moves } from '../../src/job/state.ts';
import { openTestDatabase } from '../support/database.ts';
import { addAvatar, addJob, addUser } from '../support/rows.ts';

const statuses = Object.keys(moves) as JobStatus[];

describe('the transitions of a job', () => {
  let database: EmbeddedDatabase;
  let avatar: Avatar;
  beforeAll(async () => {
    database = await openTestDatabase();
    avatar = await addAvatar(database.prisma, (await addUser(database.prisma)).id);
  });
  afterAll(() => database.close());

  /** The columns that a state requires. */
  const columnsOf = (status: JobStatus) => ({
    status,
    finishedAt: isEnded(status) ? new Date() : null,
    errorCode: status === 'FAILED' ? ('INTERNAL' as const) : null,
    errorMessage: status === 'FAILED' ? 'broken' : null,
    ...(status === 'SUCCEEDED' && { output: { images: 1 }, percent: 100 }),
  });
  const isAtFal = (status: JobStatus) => !['QUEUED', 'FAILED', 'CANCELLED'].includes(status);
  const atFal = () => ({
    requestId: crypto.randomUUID(),
    submittedAt: new Date(),
    admittedAt: new Date(),
    submittingAt: new Date(),
    correlationToken: crypto.randomUUID(),
  });

  test.each(
    statuses.flatMap((from) => statuses.map((to) => [from, to] as const)),
  )('%s → %s: the table and the database say the same', async (from, to) => {
    const { id } = await addJob(database.prisma, avatar, { ...columnsOf(from), ...(isAtFal(from) && atFal()) });
    const refusal = await database.prisma.job
      .update({ where: { id }, data: { ...columnsOf(to), ...(!isAtFal(from) && isAtFal(to) && atFal()) } })
      .then(() => 'none')
      .catch(String);
    const isAllowed = from === to || moves[from].includes(to);
    expect(refusal).toMatch(isAllowed ? /^none$/ : new RegExp(`a job does not move from ${from} to ${to}`));
  });

  test('exactly the ended states have no transition', () => {
    expect(statuses.filter(isEnded)).toEqual(['SUCCEEDED', 'FAILED', 'CANCELLED']);
    expect(statuses.filter((status) => moves[status].length === 0)).toEqual(statuses.filter(isEnded));
  });
});

test('passing errors are retryable, errors of the input are not', () => {
  const codes = Object.values(JobErrorCode);
  expect(Object.keys(isRetryable).toSorted()).toEqual(codes.toSorted());
  expect(codes.filter((code) => !isRetryable[code])).toEqual([
    'INVALID_INPUT',
    'INVALID_FINETUNE_ID',
    'CONTENT_BLOCKED',
    'ENDPOINT_RETIRED',
    'DATASET_REJECTED',
  ]);
});
