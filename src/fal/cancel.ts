/** What fal answers to a cancel: in the body, and in the HTTP status of the older reference. */
import { z } from 'zod';
import type { Refusal } from './detail.ts';

export type Cancelled = 'REQUESTED' | 'ALREADY_COMPLETED' | 'NOT_FOUND';

const cancelBody = z.object({ status: z.string() });

/** Any 2xx is a yes, whatever it says beside. */
export function readCancel(body: unknown): Cancelled {
  const said = cancelBody.safeParse(body).data?.status;
  return said === 'ALREADY_COMPLETED' || said === 'NOT_FOUND' ? said : 'REQUESTED';
}

export function readCancelRefusal({ status, body }: Refusal): Cancelled | undefined {
  const said = readCancel(body);
  if (said !== 'REQUESTED') return said;
  return status === 404 || status === 410 ? 'NOT_FOUND' : undefined;
}
