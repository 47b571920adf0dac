/** What becomes of a request, decided when it is submitted; and answers that tell something else than what became of it. */
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
  callFault('webhook-first', ['submit'], none, () => async (call, next, { webhookTried }) => {
    const reply = await next(call);
    await webhookTried(requestIdOf(reply) ?? '');
    return reply;
  }),
  callFault(
    'unfinished',
    ['result'],
    z.object({ status: z.literal([202, 400]).default(400) }),
    ({ status }) =>
      async (call, next, { request, baseUrl }) => {
        const reply = await next(call);
        const asked = request(requestIdOf(reply) ?? '');
        if (asked === undefined) return reply;
        const headers = { 'x-fal-request-id': asked.id };
        return {
          status,
          headers,
          body: status === 202 ? runningBody(asked, baseUrl) : { detail: 'Request is still in progress' },
        };
      },
  ),
  // fal says that it will, and the request runs to its end.
  callFault('ignore', ['cancel'], none, () => async () => ({
    status: 202,
    body: { status: 'CANCELLATION_REQUESTED' },
  })),
];

function runningBody(request: FalRequest, baseUrl: string): object {
  return statusBody(request, { status: 'IN_PROGRESS', startedAt: request.acceptedAt, ranMs: 0 }, baseUrl, null);
}
