/** GraphQL over HTTP and its answers' formats, JSON and server-sent events. What travels to it and from it is ours. */
import type { GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import { useDocumentLimits } from './document-limits.ts';
import type { Limits } from './limits.ts';
import { type MaskError, unexpectedMessage } from './mask.ts';
import type { RequestLog } from './request-log.ts';

export const graphqlPath = '/graphql';

/** What a request brings along: the context of its operation, and the operation itself when it came with files. */
export type Carried = { operations?: object };

export type Yoga = YogaServerInstance<Carried, object>;

export function createYogaServer(options: {
  schema: GraphQLSchema;
  limits: Limits;
  maskError: MaskError;
  requestLog: RequestLog;
}): Yoga {
  return createYoga<Carried, object>({
    schema: options.schema,
    graphqlEndpoint: graphqlPath,
    maskedErrors: { maskError: options.maskError, errorMessage: unexpectedMessage, isDev: false },
    plugins: [useReceivedOperations(), useDocumentLimits(options.limits), options.requestLog.plugin],
    batching: false,
    cors: false,
    // Ours: errors are logged where they are masked, bodies are bounded before they get here (Yoga's own limit costs
    // four fifths of the throughput on Node 20), uploads go to disk and GraphiQL needs no other network.
    logging: false,
    maxRequestBodySize: false,
    multipart: false,
    graphiql: false,
    landingPage: false,
  });
}

/** A request with files was read before it got here: its body is on disk, and its operation in the context. */
function useReceivedOperations(): Plugin<object, Carried> {
  return {
    onRequestParse({ serverContext, setRequestParser }) {
      const { operations } = serverContext;
      if (operations !== undefined) setRequestParser(() => operations);
    },
  };
}
