/** What fal answers to a request for a result. */
import { z } from 'zod';

/** The queue's own words where a result was asked for: seen as 202 while a request still runs. */
const unfinished = z.object({ status: z.enum(['IN_QUEUE', 'IN_PROGRESS']), request_id: z.string() });
/** Of fal's older reference: the output inside its status. */
const wrapped = z
  .object({ status: z.literal('COMPLETED'), response: z.unknown() })
  .transform(({ response }) => response);

/** The model's output; undefined when there is none in it. */
export function readResult(body: unknown, status: number): unknown {
  if (status !== 200 || unfinished.safeParse(body).success) return undefined;
  return wrapped.safeParse(body).data ?? body;
}
