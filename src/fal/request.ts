/** A request at fal: its id, where it is followed, and what fal says when it takes it. */
import { z } from 'zod';
import { type EndpointId, isEndpointId } from './endpoints.ts';
import { FalError } from './errors.ts';
import type { Submitted } from './port.ts';

/** fal's request ids are UUIDs. They go into a path unescaped: nothing else may pass. */
const requestIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isRequestId(id: string): boolean {
  return requestIdPattern.test(id);
}

/** Before any URL is made of them. */
export function assertEndpointId(id: string): asserts id is EndpointId {
  if (!isEndpointId(id)) throw new FalError('ENDPOINT_RETIRED', 'This is not an endpoint that Likeness knows.');
}

export function assertRequestId(id: string): void {
  if (!isRequestId(id)) throw new FalError('RESULT_LOST', 'fal has no request of this id: it is no UUID.');
}

/** Requests are followed under `owner/alias`, whatever else the endpoint's id holds: fal-ai/flux-pro for all of them. */
export function requestUrl(endpoint: EndpointId, requestId: string): string {
  const [owner, alias] = endpoint.split('/');
  return `https://queue.fal.run/${owner}/${alias}/requests/${requestId}`;
}

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

/** Undefined when fal named no request. */
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
