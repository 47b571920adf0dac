/** The ids and URLs of requests in fal's queue. */
import { type EndpointId, isEndpointId } from '../endpoints.ts';
import { FalError } from '../errors.ts';

/** fal's request ids are UUIDs. They go into a URL path unescaped, so that nothing else may pass. */
export const requestIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isRequestId(id: string): boolean {
  return requestIdPattern.test(id);
}

/** Checks an id before it becomes a part of a URL. */
export function assertEndpointId(id: string): asserts id is EndpointId {
  if (!isEndpointId(id)) throw new FalError('ENDPOINT_RETIRED', 'This is not an endpoint that Likeness knows.');
}

export function assertRequestId(id: string): void {
  if (!isRequestId(id)) throw new FalError('RESULT_LOST', 'This is not the id of a request at fal: it is not a UUID.');
}

/**
 * fal serves requests under `owner/alias`, without the rest of the endpoint's id: fal-ai/flux-pro for all of its endpoints
 * (https://docs.fal.ai/model-endpoints/queue).
 */
export function requestUrl(endpoint: EndpointId, requestId: string): string {
  const [owner, alias] = endpoint.split('/');
  return `https://queue.fal.run/${owner}/${alias}/requests/${requestId}`;
}
