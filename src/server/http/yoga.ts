/**
 * Yoga as this server's GraphQL over HTTP: it reads and checks requests, negotiates the content type, gives errors their
 * status and writes answers as JSON or server-sent events. The operation itself goes through graphql/operation.ts, so hooks
 * of plugins that concern operations (onParse, onValidate, onExecute, onSubscribe) never run; those of HTTP do.
 */
import type { ExecutionResult, GraphQLSchema } from 'graphql';
import { createYoga, getSSEProcessor, isAsyncIterable, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import { type MaskError, unexpectedMessage } from '../graphql/mask.ts';
import type { OperationRequest, OperationResult } from '../graphql/operation.ts';

export const graphqlPath = '/graphql';

/** What the server hands to Yoga with each request. */
export type YogaContext = {
  /** The operation, if the server has read it already. Yoga then does not read the request. */
  operation: object | undefined;
  /** The result, if the operation has run already. */
  result: OperationResult | undefined;
  /** Runs the operation. */
  run: (request: OperationRequest) => Promise<OperationResult>;
};

export type Yoga = YogaServerInstance<YogaContext, object>;

export function createYogaServer({ schema, maskError }: { schema: GraphQLSchema; maskError: MaskError }): Yoga {
  return createYoga<YogaContext, object>({
    schema,
    graphqlEndpoint: graphqlPath,
    maskedErrors: { maskError, errorMessage: unexpectedMessage, isDev: false },
    plugins: [useReadOperation(), useOperation(maskError), useEventStreams()],
    parserAndValidationCache: false,
    batching: false,
    cors: false,
    // The server does these itself: errors are logged where they are masked, bodies are limited before they get here
    // (Yoga's own limit costs four fifths of the throughput on Node 20), uploads go to disk, and GraphiQL needs no CDN.
    logging: false,
    maxRequestBodySize: false,
    multipart: false,
    graphiql: false,
    landingPage: false,
  });
}

function useReadOperation(): Plugin<object, YogaContext> {
  return {
    onRequestParse({ serverContext, setRequestParser }) {
      const { operation } = serverContext;
      if (operation !== undefined) setRequestParser(() => operation);
    },
  };
}

function useOperation(maskError: MaskError): Plugin<object, YogaContext> {
  const resultFor = (result: OperationResult) =>
    isAsyncIterable(result) ? endingWithErrors(result, maskError) : result;
  return {
    onParams({ context, setParamsHandler, setResult }) {
      const { result, run } = context;
      if (result !== undefined) setResult(resultFor(result));
      else setParamsHandler(async ({ params }) => resultFor(await run(params as OperationRequest)));
    },
  };
}

/** A stream of results is answered with server-sent events only. A client that does not accept them gets 406. */
function useEventStreams(): Plugin<object, YogaContext> {
  const sendEvents = getSSEProcessor();
  return {
    onResultProcess({ request, result, setResultProcessor }) {
      if (!isAsyncIterable(result)) return;
      if (acceptsEvents(request.headers.get('accept'))) setResultProcessor(sendEvents, 'text/event-stream');
      else {
        setResultProcessor((_result, fetchAPI) => {
          void (result as AsyncIterableIterator<unknown>).return?.();
          return new fetchAPI.Response(null, { status: 406, headers: { accept: 'text/event-stream' } });
        }, 'text/event-stream');
      }
    },
  };
}

const acceptsEvents = (accept: string | null) =>
  (accept ?? '*/*')
    .toLowerCase()
    .split(',')
    .some((range) => ['text/event-stream', 'text/*', '*/*'].includes(range.split(';')[0]?.trim() ?? ''));

/** A stream that fails ends with one more result, which says why. */
function endingWithErrors(
  results: AsyncIterableIterator<ExecutionResult>,
  maskError: MaskError,
): AsyncIterableIterator<ExecutionResult> {
  let hasFailed = false;
  return {
    async next() {
      if (hasFailed) return { done: true, value: undefined };
      try {
        return await results.next();
      } catch (error) {
        hasFailed = true;
        return { done: false, value: { errors: [maskError(error)] } };
      }
    },
    async return() {
      await results.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
