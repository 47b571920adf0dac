/** The part of a webhook that Likeness uses: which request is done. Its result is read from fal. */
import { z } from 'zod';
import { isRequestId } from '../queue/request.ts';
import type { Signature } from './signature.ts';

export type WebhookPayload = {
  requestId: string;
  /** Differs from `requestId` when fal itself retried the request. */
  gatewayRequestId: string | undefined;
  falUserId: string;
  status: 'OK' | 'ERROR' | undefined;
};

const id = z.string().refine(isRequestId).optional().catch(undefined);
const body = z
  .object({ request_id: id, gateway_request_id: id, status: z.enum(['OK', 'ERROR']).optional().catch(undefined) })
  .catch({});

/**
 * Takes the request's id from the body, else from the signed header, because fal does not document which of the two ids the
 * header holds. Undefined when neither names a request.
 */
export function readPayload({ requestId: signedId, falUserId }: Signature, text: string): WebhookPayload | undefined {
  const { request_id, gateway_request_id: gatewayRequestId, status } = body.parse(jsonOf(text));
  const requestId = request_id ?? (isRequestId(signedId) ? signedId : undefined);
  return requestId === undefined ? undefined : { requestId, gatewayRequestId, falUserId, status };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
