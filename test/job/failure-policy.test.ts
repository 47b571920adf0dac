/** What happens to a job after a step failed: every branch of the policy, as a table. */
import { expect, test } from 'vitest';
import { FalError, RequestCancelled, SubmitUnconfirmed } from '../../src/fal/errors.ts';
import { SubmitsSpent } from '../../src/job/capacity/submit-budget.ts';
import {
  CancelRequested,
  DeadlinePassed,
  type Decision,
  deadlineOf,
  decideAfterFailure,
  maxUnexpectedFailures,
  pauseMs,
  type StepFailure,
  submitPauseMs,
} from '../../src/job/failure-policy.ts';
import { StorageUnavailable } from '../../src/storage/blob-store.ts';
import { DiskFull } from '../../src/storage/disk-space.ts';

const now = new Date('2026-01-01T12:00:00Z');
const inMs = (ms: number) => new Date(now.getTime() + ms);
const deadlineMs = 600_000;

const queued: StepFailure['job'] = {
  status: 'QUEUED',
  failures: 0,
  deadlineAt: null,
  requestId: null,
  cancelRequestedAt: null,
};
const submitting = { ...queued, deadlineAt: inMs(60_000) };
const atFal: StepFailure['job'] = { ...submitting, status: 'IN_PROGRESS', requestId: 'r' };
const finalizing: StepFailure['job'] = { ...atFal, status: 'FINALIZING' };
const late = { deadlineAt: inMs(0) };
const cancelRequested = { cancelRequestedAt: inMs(-1_000) };

const retry = (ms: number, failures: number, deadlineAt: Date | null): Decision => ({
  retryAt: inMs(ms),
  failures,
  deadlineAt,
});
const fails = (code: string, cancelAtFal = false) => ({ failWith: expect.objectContaining({ code }), cancelAtFal });

const transient = new FalError('FAL_UNAVAILABLE', 'down', { transient: true });
const throttled = new FalError('RATE_LIMITED', 'slow down', { transient: true, retryAfterMs: 20_000 });
const final = new FalError('INVALID_INPUT', 'no', { field: 'prompt' });
const unauthorized = new FalError('FAL_UNAUTHORIZED', 'wrong key');
const lost = new FalError('RESULT_LOST', 'gone');
const unexpected = new TypeError('broken');
const lastTry = { failures: maxUnexpectedFailures - 1 };
const full = new DiskFull();
const away = new StorageUnavailable('away');
const unconfirmed = new SubmitUnconfirmed('lost');

test.each<[string, StepFailure['job'], unknown, unknown]>([
  ['the owner cancelled before fal had the job', queued, new CancelRequested(), 'CANCEL'],
  ['fal cancelled the request', atFal, new RequestCancelled(), 'CANCEL'],
  ['the deadline passed at fal', { ...atFal, ...late }, new DeadlinePassed(), fails('TIMED_OUT')],

  [
    'an unconfirmed submit waits for a webhook until the deadline',
    submitting,
    unconfirmed,
    retry(60_000, 0, inMs(60_000)),
  ],
  ['an unconfirmed submit past its deadline', { ...submitting, ...late }, unconfirmed, fails('SUBMIT_UNCONFIRMED')],
  ['an unconfirmed submit with no deadline', queued, unconfirmed, fails('SUBMIT_UNCONFIRMED')],

  [
    'spent submits before the first try begin the deadline',
    queued,
    new SubmitsSpent(5_000),
    retry(5_000, 0, inMs(deadlineMs)),
  ],
  [
    'spent submits are no failure',
    { ...submitting, failures: 2 },
    new SubmitsSpent(60_000),
    retry(60_000, 2, inMs(60_000)),
  ],
  ['spent submits past the deadline', submitting, new SubmitsSpent(60_001), fails('RATE_LIMITED')],

  ['a transient refusal before the first deadline', queued, transient, retry(500, 1, inMs(deadlineMs))],
  ['a transient refusal at fal', { ...atFal, failures: 2 }, transient, retry(2_000, 3, inMs(60_000))],
  ['a transient refusal waits as long as fal asks', atFal, throttled, retry(20_000, 1, inMs(60_000))],
  [
    'a transient refusal whose next try is too late',
    { ...atFal, deadlineAt: inMs(500) },
    transient,
    fails('FAL_UNAVAILABLE'),
  ],
  [
    'a throttled submit whose next try is too late',
    { ...submitting, deadlineAt: inMs(20_000) },
    throttled,
    fails('RATE_LIMITED'),
  ],
  [
    'a final refusal',
    atFal,
    final,
    { failWith: { code: 'INVALID_INPUT', message: 'no', field: 'prompt' }, cancelAtFal: false },
  ],
  ['a refused key at the submit', submitting, unauthorized, fails('FAL_UNAUTHORIZED')],
  ['a refused key while the request is at fal', atFal, unauthorized, retry(500, 1, inMs(60_000))],
  ['a refused key until the deadline', { ...atFal, ...late }, unauthorized, fails('FAL_UNAUTHORIZED')],
  ['a refused submit of a cancelled job', { ...submitting, ...cancelRequested }, transient, 'CANCEL'],
  ['a final refusal of a cancelled job before its submit', { ...submitting, ...cancelRequested }, final, 'CANCEL'],
  ['a cancelled request that left no trace', { ...atFal, ...cancelRequested }, lost, 'CANCEL'],
  ['a lost result', finalizing, lost, fails('RESULT_LOST')],
  ['a cancelled request that fal still has', { ...atFal, ...cancelRequested }, transient, retry(500, 1, inMs(60_000))],

  ['an unexpected error', atFal, unexpected, retry(500, 1, inMs(60_000))],
  ['an unexpected error starts no deadline', queued, unexpected, retry(500, 1, null)],
  ['an unexpected error past the deadline', { ...atFal, ...late }, unexpected, retry(500, 1, inMs(0))],
  ['the last unexpected error at fal', { ...atFal, ...lastTry }, unexpected, fails('INTERNAL', true)],
  ['the last unexpected error before the submit', { ...queued, ...lastTry }, unexpected, fails('INTERNAL')],

  [
    'a full disk, however often, until the deadline',
    { ...finalizing, ...lastTry },
    full,
    retry(30_000, 10, inMs(60_000)),
  ],
  ['a full disk past the deadline', { ...finalizing, ...lastTry, ...late }, full, fails('INTERNAL', true)],
  ['a full disk before the submit begins no deadline', { ...queued, ...lastTry }, full, retry(30_000, 10, null)],
  ['an unavailable bucket begins the deadline', { ...queued, ...lastTry }, away, retry(30_000, 10, inMs(deadlineMs))],
  ['an unavailable bucket past the deadline', { ...finalizing, ...lastTry, ...late }, away, fails('INTERNAL', true)],
])('%s', (_what, job, error, decision) => {
  expect(decideAfterFailure({ job, error, now, random: 0, deadlineMs, hasWebhook: true })).toEqual(decision);
});

test('an unconfirmed submit fails at once when fal can send no webhook', () => {
  const failure = { job: submitting, error: unconfirmed, now, random: 0, deadlineMs, hasWebhook: false };
  expect(decideAfterFailure(failure)).toEqual(fails('SUBMIT_UNCONFIRMED'));
});

test.each([
  [0, 0, 500],
  [1, 0, 500],
  [2, 0, 1_000],
  [6, 0, 16_000],
  [7, 0, 30_000],
  [1_000, 0, 30_000],
  [1, 1, 625],
  [7, 1, 37_500],
  [1_000, 0.5, 33_750],
])('the pause after %i failures, with random %f, is %i ms', (failures, random, ms) => {
  expect(pauseMs(failures, random)).toBe(ms);
});

test.each([
  ['a throttled submit with Retry-After', throttled, 20_000],
  ['a throttled submit without', new FalError('RATE_LIMITED', 'slow down', { transient: true }), 1_000],
  ['any other refusal', transient, undefined],
])('%s pauses all submits', (_what, refusal, ms) => {
  expect(submitPauseMs(refusal, 1, 0)).toBe(ms);
});

test('a job keeps its deadline', () => {
  expect(deadlineOf({ job: queued, now, deadlineMs })).toEqual(inMs(deadlineMs));
  expect(deadlineOf({ job: submitting, now, deadlineMs })).toEqual(inMs(60_000));
});
