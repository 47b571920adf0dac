/** A job past its deadline ends in every state, even when its step is lost and only the sweep finds it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Prisma } from '../../../prisma/generated/client/client.ts';
import { addJob } from '../../support/rows.ts';
import { json } from '../../support/scripted-fal.ts';
import { openScriptedJob, requestId, routes, type ScriptedJob, says } from '../../support/scripted-job.ts';

const at = new Date(Date.now() - 3_600_000);
const deadlineAt = new Date(Date.now() - 1_000);
const intended = { admittedAt: at, submittingAt: at, correlationToken: requestId, deadlineAt };
const atFal = { ...intended, requestId, submittedAt: at };

let job: ScriptedJob;
beforeAll(async () => {
  job = await openScriptedJob();
});
beforeEach(() => job.reset());
afterAll(() => job.close());

const rows: [string, Partial<Prisma.JobUncheckedCreateInput>, string, number][] = [
  ['QUEUED, with an intent that was never answered', intended, 'SUBMIT_UNCONFIRMED', 0],
  ['QUEUED, throttled until now', { admittedAt: at, deadlineAt, failures: 9 }, 'RATE_LIMITED', 0],
  ['IN_QUEUE', { ...atFal, status: 'IN_QUEUE' }, 'TIMED_OUT', 1],
  ['IN_PROGRESS', { ...atFal, status: 'IN_PROGRESS', startedAt: at }, 'TIMED_OUT', 1],
  ['FINALIZING, and its result cannot be read', { ...atFal, status: 'FINALIZING' }, 'FAL_UNAVAILABLE', 0],
];

test.each(rows)('%s', async (_state, columns, code, cancels) => {
  const { prisma } = job.likeness.app;
  const avatar = await prisma.avatar.findFirstOrThrow();
  job.fal.always(routes.submit, json(429, { detail: 'too many' }));
  job.fal.always(routes.cancel, says.cancelling);
  job.fal.always(routes.result, json(503, { detail: 'down' }));
  const { id } = await addJob(prisma, avatar, columns);
  // The job has no step; only the sweep creates one.
  await job.likeness.worker.sweep();
  await job.likeness.worker.tick();
  const ended = await prisma.job.findUniqueOrThrow({ where: { id } });
  expect([ended.status, ended.errorCode]).toEqual(['FAILED', code]);
  expect(job.fal.at(routes.cancel)).toHaveLength(cancels);
});

test('a job that fails because of this server is cancelled at fal', async () => {
  const { prisma } = job.likeness.app;
  const avatar = await prisma.avatar.findFirstOrThrow();
  job.fal.always(routes.cancel, says.cancelling);
  const broken = { ...atFal, status: 'IN_QUEUE', deadlineAt: null, failures: 9 } as const;
  const { id } = await addJob(prisma, avatar, { ...broken, deadlineAt: new Date(Date.now() + 60_000) });
  await prisma.$executeRawUnsafe(
    `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken by the test'; END $$`,
  );
  await prisma.$executeRawUnsafe(
    `CREATE TRIGGER fail BEFORE INSERT ON "JobEvent" FOR EACH ROW WHEN (NEW."type" <> 'FAILED') EXECUTE FUNCTION fail()`,
  );
  await job.likeness.worker.sweep();
  await job.likeness.worker.tick();
  const ended = await prisma.job.findUniqueOrThrow({ where: { id } });
  expect([ended.status, ended.errorCode]).toEqual(['FAILED', 'INTERNAL']);
  expect(job.fal.at(routes.cancel)).toHaveLength(1);
});
