/** The bodies of fal's responses to a submit, a result and a cancel. */
import { z } from 'zod';
import type { EndpointId } from '../endpoints.ts';
import type { FalErrorResponse } from '../error-response.ts';
import type { Submitted } from '../port.ts';
import { requestIdPattern, requestUrl } from './request.ts';

const url = z
  .url({ protocol: /^https?$/ })
  .nullish()
  .catch(undefined);

const submittedBody = z.object({
  request_id: z.string().regex(requestIdPattern),
  status_url: url,
  response_url: url,
  cancel_url: url,
  queue_position: z.int().nonnegative().nullish().catch(undefined),
});

/** Undefined when the body names no request. */
export function readSubmitted(endpoint: EndpointId, body: unknown): Submitted | undefined {
  const parsed = submittedBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { request_id: requestId, status_url, response_url, cancel_url, queue_position } = parsed.data;
  const base = requestUrl(endpoint, requestId);
  return {
    requestId,
    urls: {
      statusUrl: status_url ?? `${base}/status`,
      responseUrl: response_url ?? base,
      cancelUrl: cancel_url ?? `${base}/cancel`,
    },
    queuePosition: queue_position ?? undefined,
  };
}

/** A status in place of a result: fal answers so, with 202, while the request still runs. */
const unfinished = z.object({ status: z.enum(['IN_QUEUE', 'IN_PROGRESS']), request_id: z.string() });
/** fal's older reference wraps the output in a status. */
const wrapped = z
  .object({ status: z.literal('COMPLETED'), response: z.unknown() })
  .transform(({ response }) => response);

/** The model's output; undefined when the body holds none. */
export function readResult(body: unknown, status: number): unknown {
  if (status !== 200 || unfinished.safeParse(body).success) return undefined;
  return wrapped.safeParse(body).data ?? body;
}

export type CancelOutcome = 'REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND';

const cancelBody = z.object({ status: z.string() });

/** Every 2xx response means REQUESTED, unless its body says otherwise. */
export function readCancel(body: unknown): CancelOutcome {
  const status = cancelBody.safeParse(body).data?.status;
  return status === 'ALREADY_COMPLETED' || status === 'NOT_FOUND' ? status : 'REQUESTED';
}

/** fal's older reference answers in the HTTP status alone. Undefined for an error. */
export function readCancelError({ status, body }: FalErrorResponse): CancelOutcome | undefined {
  const outcome = readCancel(body);
  if (outcome !== 'REQUESTED') return outcome;
  return status === 404 || status === 410 ? 'NOT_FOUND' : undefined;
}
