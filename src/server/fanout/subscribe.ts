/** A subscription that is answered together with others: asked for by its own caller, executed once for all. */
import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql';
import { JobSubscription } from '../../events/job-subscription.ts';
import { refusalOfCost } from '../graphql/document-limits.ts';
import { formatError, type MaskError } from '../graphql/mask.ts';
import type { Limits } from '../limits/limits.ts';
import { bytesOf } from '../websocket/frame.ts';
import type { Answer } from './log.ts';
import type { SharedSubscriptions } from './shared-subscriptions.ts';
import type { FrameWriter } from './subscriber.ts';

export type Together = { broadcasts: SharedSubscriptions; maskError: MaskError; limits: Limits; outlet: FrameWriter };

/**
 * The field's own `subscribe` runs for this caller, and says whether they may and what they follow, as it does for whoever
 * is answered alone. `likeness` is all that its answers come from besides that.
 */
export async function subscribeTogether(
  args: ExecutionArgs,
  likeness: string,
  { broadcasts, maskError, limits, outlet }: Together,
): Promise<AsyncIterable<never> | ExecutionResult> {
  const refusal = refusalOfCost(args, limits);
  if (refusal !== null) return { errors: [refusal] };
  const source = await createSourceEventStream(args);
  if ('errors' in source) return { errors: (source.errors ?? []).map(maskError) };
  if (!(source instanceof JobSubscription)) throw new TypeError('What is marked as shared follows a job.');
  const place = await source.place();
  if (place === undefined) return nothing;
  const answer = answerWith(args, maskError);
  return broadcasts.listen(`${source.jobId} ${likeness}`, place, { log: source.forMany(), answer, outlet });
}

const nothing: AsyncIterable<never> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ value: undefined, done: true }) }),
};

function answerWith(args: ExecutionArgs, maskError: MaskError): Answer {
  const write = ({ data, errors }: ExecutionResult): string =>
    bytesOf(JSON.stringify(errors ? { data, errors: errors.map((error) => formatError(maskError(error))) } : { data }));
  return (event) => {
    const result = execute({ ...args, rootValue: event });
    return result instanceof Promise ? result.then(write) : write(result);
  };
}
