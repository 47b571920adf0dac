/**
 * Where a request stands at a time: a pure function of what it is, when it was accepted and when it was cancelled.
 * So nothing has to run for a request to move on, and a restart changes nothing about it.
 */
import type { FalRequest } from './request.ts';

/** How long a request takes when nothing cuts it short. */
export type Plan = {
  queueMs: number;
  runMs: number;
  /** Requests in front of it when it was accepted. */
  queuePosition: number;
  /** From an archive that is found wanting to the failure. */
  refuseMs: number;
  /** From the wish to cancel a running request to its end. */
  stopMs: number;
};

export type Progress =
  | { status: 'IN_QUEUE'; queuePosition: number }
  | { status: 'IN_PROGRESS'; startedAt: number; ranMs: number }
  /** `startedAt` is undefined when it was cancelled in the queue. */
  | { status: 'COMPLETED'; startedAt: number | undefined; ranMs: number; at: number; cancelled: boolean };

type TimedRequest = Pick<FalRequest, 'acceptedAt' | 'cancelledAt' | 'trained'>;

export function progressAt(request: TimedRequest, plan: Plan, now: number): Progress {
  const startedAt = request.acceptedAt + plan.queueMs;
  const end = endOf(request, plan);
  if (now >= end.at) {
    const started = end.at >= startedAt && !(end.cancelled && end.at === request.cancelledAt);
    const ranMs = started ? end.at - startedAt : 0;
    return { status: 'COMPLETED', startedAt: started ? startedAt : undefined, ranMs, ...end };
  }
  if (now >= startedAt) return { status: 'IN_PROGRESS', startedAt, ranMs: now - startedAt };
  const waited = Math.max(now - request.acceptedAt, 0) / plan.queueMs;
  return { status: 'IN_QUEUE', queuePosition: plan.queuePosition - Math.floor(waited * (plan.queuePosition + 1)) };
}

/** When it is over, unless it is cancelled or refused between now and then. */
export function endOf(request: TimedRequest, plan: Plan): { at: number; cancelled: boolean } {
  const { acceptedAt, cancelledAt, trained } = request;
  const startedAt = acceptedAt + plan.queueMs;
  const refusedAt = trained?.failure === undefined ? Infinity : Math.max(trained.at, startedAt) + plan.refuseMs;
  const at = Math.min(startedAt + plan.runMs, refusedAt);
  if (cancelledAt === undefined) return { at, cancelled: false };
  if (cancelledAt < startedAt) return { at: cancelledAt, cancelled: true };
  // Too late to be stopped: it ends as if nobody had asked.
  return cancelledAt + plan.stopMs < at ? { at: cancelledAt + plan.stopMs, cancelled: true } : { at, cancelled: false };
}

/** When its queue position or its status is next due to change; undefined once COMPLETED. */
export function nextChangeAt(request: TimedRequest, plan: Plan, now: number): number | undefined {
  const progress = progressAt(request, plan, now);
  if (progress.status === 'COMPLETED') return undefined;
  const end = endOf(request, plan).at;
  if (progress.status === 'IN_PROGRESS') return end;
  const step = plan.queueMs / (plan.queuePosition + 1);
  return Math.min(end, request.acceptedAt + step * (plan.queuePosition - progress.queuePosition + 1));
}
