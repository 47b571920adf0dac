/** Faults that decide a request's outcome at its submit, and replies that misreport the outcome. */
import { z } from 'zod';
import { requestIdOf } from '../http/reply.ts';
import { failureOfType, failureTypes } from '../queue/failures.ts';
import type { FalRequest } from '../queue/request.ts';
import { statusBody } from '../queue/status.ts';
import { callFault, type FaultType } from './fault.ts';

const none = z.object({});

export const outcomeFaults: [FaultType, ...FaultType[]] = [
  callFault(
    'fail',
    ['submit', 'run'],
    z.object({ type: z.enum(failureTypes) }),
    ({ type }) =>
      (call, next) =>
        next({ ...call, outcome: { ...call.outcome, failure: failureOfType(type) } }),
  ),
  callFault(
    'hold',
    ['submit', 'run'],
    z.object({ status: z.enum(['IN_QUEUE', 'IN_PROGRESS']) }),
    ({ status }) =>
      (call, next) =>
        next({ ...call, outcome: { ...call.outcome, held: status } }),
  ),
  callFault(
    'webhook-early',
    ['submit'],
    none,
    () => (call, next) => next({ ...call, outcome: { ...call.outcome, webhookEarly: true } }),
  ),
  callFault('webhook-first', ['submit'], none, () => async (call, next, { webhookAttempted }) => {
    const reply = await next(call);
    await webhookAttempted(requestIdOf(reply) ?? '');
    return reply;
  }),
  callFault(
    'unfinished',
    ['result'],
    z.object({ status: z.literal([202, 400]).default(400) }),
    ({ status }) =>
      async (call, next, { request, baseUrl }) => {
        const reply = await next(call);
        const submitted = request(requestIdOf(reply) ?? '');
        if (submitted === undefined) return reply;
        const headers = { 'x-fal-request-id': submitted.id };
        return {
          status,
          headers,
          body: status === 202 ? runningBody(submitted, baseUrl) : { detail: 'Request is still in progress' },
        };
      },
  ),
  // fal accepts the cancellation, but the request runs to its end.
  callFault('ignore', ['cancel'], none, () => async () => ({
    status: 202,
    body: { status: 'CANCELLATION_REQUESTED' },
  })),
];

function runningBody(request: FalRequest, baseUrl: string): object {
  return statusBody(request, { status: 'IN_PROGRESS', startedAt: request.acceptedAt, ranMs: 0 }, baseUrl, null);
}
