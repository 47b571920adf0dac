/** What becomes of a request, decided when it is submitted; and answers that tell something else than what became of it. */
import { z } from 'zod';
import { failureOf, failureTypes } from '../failure.ts';
import { requestIdOf } from '../reply.ts';
import type { FalRequest } from '../request.ts';
import { statusBody } from '../status.ts';
import { type Act, spoils } from './act.ts';

const none = z.object({});

export const fateActs: [Act, ...Act[]] = [
  spoils(
    'fail',
    ['submit', 'run'],
    z.object({ type: z.enum(failureTypes) }),
    ({ type }) =>
      (call, next) =>
        next({ ...call, fate: { ...call.fate, refusal: failureOf(type) } }),
  ),
  spoils(
    'hold',
    ['submit', 'run'],
    z.object({ status: z.enum(['IN_QUEUE', 'IN_PROGRESS']) }),
    ({ status }) =>
      (call, next) =>
        next({ ...call, fate: { ...call.fate, held: status } }),
  ),
  spoils(
    'webhook-early',
    ['submit'],
    none,
    () => (call, next) => next({ ...call, fate: { ...call.fate, webhookEarly: true } }),
  ),
  spoils('webhook-first', ['submit'], none, () => async (call, next, { webhookTried }) => {
    const reply = await next(call);
    await webhookTried(requestIdOf(reply) ?? '');
    return reply;
  }),
  spoils(
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
  spoils('ignore', ['cancel'], none, () => async () => ({ status: 202, body: { status: 'CANCELLATION_REQUESTED' } })),
];

function runningBody(request: FalRequest, baseUrl: string): object {
  return statusBody(request, { status: 'IN_PROGRESS', startedAt: request.acceptedAt, ranMs: 0 }, baseUrl, null);
}
