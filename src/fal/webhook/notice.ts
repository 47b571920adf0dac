/** What a genuine webhook tells, as far as anyone listens: which request is done. What came of it is asked of fal. */
import { z } from 'zod';
import { isRequestId } from '../request.ts';
import type { Signature } from './signature.ts';

export type Notice = {
  requestId: string;
  /** Another one than `requestId` when fal ran the request again by itself. */
  gatewayRequestId: string | undefined;
  falUserId: string;
  status: 'OK' | 'ERROR' | undefined;
};

const id = z.string().refine(isRequestId).optional().catch(undefined);
const body = z
  .object({ request_id: id, gateway_request_id: id, status: z.enum(['OK', 'ERROR']).optional().catch(undefined) })
  .catch({});

/**
 * The body's ids go before the header's, of which it is not documented which one of the two it names. A body that says
 * nothing of use is made up for by the headers. Undefined when neither names a request.
 */
export function readNotice({ requestId: signedId, falUserId }: Signature, text: string): Notice | undefined {
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
