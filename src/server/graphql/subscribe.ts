/** Starts a subscription, for one client alone or joined with the clients that send the same subscription of a job. */
import { createSourceEventStream, type ExecutionResult } from 'graphql';
import { JobSubscription } from '../../events/job-subscription.ts';
import { toByteString } from '../fanout/frame-writer.ts';
import { sharingKeyOf } from '../fanout/sharing-key.ts';
import { formatResult, maskErrors } from './mask.ts';
import type { ExecutionParts, OperationResult, ValidOperation } from './operation.ts';

type ResultOf = (event: unknown) => Promise<ExecutionResult>;

/** Throws HttpError if the transport refuses the stream. */
export async function subscribe(
  parts: ExecutionParts,
  valid: ValidOperation,
  variables: Record<string, unknown>,
): Promise<OperationResult> {
  const { document, operation, request, context, transport } = valid;
  const { schema, execute, maskError } = parts;
  transport.openStream();
  const source = await createSourceEventStream({
    schema,
    document,
    operationName: request.operationName,
    variableValues: request.variables,
    contextValue: context,
  });
  if (!(Symbol.asyncIterator in source)) return maskErrors(source, maskError);
  const resultOf: ResultOf = async (event) =>
    maskErrors(await execute({ document, operation, variables, contextValue: context, rootValue: event }), maskError);
  return (await joinShared(parts, valid, source, resultOf)) ?? eachResult(source, resultOf);
}

/** Joins the subscription that other clients share. Returns undefined if this one cannot be shared. */
async function joinShared(
  { schema, sharedSubscriptions }: ExecutionParts,
  { document, operation, request, context: { session }, transport: { frameWriter } }: ValidOperation,
  source: AsyncIterable<unknown>,
  resultOf: ResultOf,
): Promise<AsyncIterableIterator<never> | undefined> {
  if (!(source instanceof JobSubscription) || session === undefined || frameWriter === undefined) return undefined;
  const sharingKey = sharingKeyOf(schema, document, operation, request);
  if (sharingKey === undefined) return undefined;
  const after = await source.startAfter();
  if (after === undefined) return endedStream();
  return sharedSubscriptions.join(`${source.jobId} ${session.authorizationKey} ${sharingKey}`, after, {
    log: source.asShared(),
    payloadOf: async (event) => toByteString(JSON.stringify(formatResult(await resultOf(event)))),
    frameWriter,
  });
}

/** Executes each event when its result is pulled. `return` closes the source at once, even while an event is awaited. */
function eachResult(source: AsyncIterable<unknown>, resultOf: ResultOf): AsyncIterableIterator<ExecutionResult> {
  const events = source[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await events.next();
      return done === true ? { done, value: undefined } : { done: false, value: await resultOf(value) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* endedStream(): AsyncGenerator<never> {}
