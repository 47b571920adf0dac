/**
 * The progress of a request at a time: a pure function of the request, so that no timer has to run and a restart changes
 * nothing.
 */
import type { FalRequest } from './request.ts';
import type { Timings } from './timings.ts';

export type Progress =
  | { status: 'IN_QUEUE'; queuePosition: number }
  | { status: 'IN_PROGRESS'; startedAt: number; ranMs: number }
  /** `startedAt` is undefined when it was cancelled in the queue. */
  | { status: 'COMPLETED'; startedAt: number | undefined; ranMs: number; at: number; cancelled: boolean };

type TimedRequest = Pick<FalRequest, 'acceptedAt' | 'cancelledAt' | 'trained'>;

export function progressAt(request: TimedRequest, timings: Timings, now: number): Progress {
  const startedAt = request.acceptedAt + timings.queueMs;
  const end = endOf(request, timings);
  if (now >= end.at) {
    const started = end.at >= startedAt && !(end.cancelled && end.at === request.cancelledAt);
    const ranMs = started ? end.at - startedAt : 0;
    return { status: 'COMPLETED', startedAt: started ? startedAt : undefined, ranMs, ...end };
  }
  if (now >= startedAt) return { status: 'IN_PROGRESS', startedAt, ranMs: now - startedAt };
  const waited = Math.max(now - request.acceptedAt, 0) / timings.queueMs;
  return {
    status: 'IN_QUEUE',
    queuePosition: timings.queuePosition - Math.floor(waited * (timings.queuePosition + 1)),
  };
}

/** When it ends, as far as is known now: a later cancellation or failure can end it earlier. */
export function endOf(request: TimedRequest, timings: Timings): { at: number; cancelled: boolean } {
  const { acceptedAt, cancelledAt, trained } = request;
  const startedAt = acceptedAt + timings.queueMs;
  const failedAt = trained?.failure === undefined ? Infinity : Math.max(trained.at, startedAt) + timings.failureMs;
  const at = Math.min(startedAt + timings.runMs, failedAt);
  if (cancelledAt === undefined) return { at, cancelled: false };
  if (cancelledAt < startedAt) return { at: cancelledAt, cancelled: true };
  // The cancellation comes too late and has no effect.
  return cancelledAt + timings.stopMs < at
    ? { at: cancelledAt + timings.stopMs, cancelled: true }
    : { at, cancelled: false };
}

/** The time of the next change of its status or queue position; undefined once COMPLETED. */
export function nextChangeAt(request: TimedRequest, timings: Timings, now: number): number | undefined {
  const progress = progressAt(request, timings, now);
  if (progress.status === 'COMPLETED') return undefined;
  const end = endOf(request, timings).at;
  if (progress.status === 'IN_PROGRESS') return end;
  const step = timings.queueMs / (timings.queuePosition + 1);
  return Math.min(end, request.acceptedAt + step * (timings.queuePosition - progress.queuePosition + 1));
}
