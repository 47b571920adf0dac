/** graphql-transport-ws: each operation of a socket runs through Yoga's plugins, as one over HTTP does. */
import type { IncomingMessage } from 'node:http';
import { type DocumentNode, type ExecutionArgs, type FormattedExecutionResult, GraphQLError } from 'graphql';
import { CloseCode, makeServer, type Server, type SubscribePayload } from 'graphql-ws';
import { type ContextOf, socketCaller } from './caller.ts';
import type { Limits } from './limits.ts';
import { formatError, type MaskError } from './mask.ts';
import type { OperationIds } from './operation-ids.ts';
import { operationNameOf, type RequestLog } from './request-log.ts';
import type { Yoga } from './yoga.ts';

/** What the protocol knows of a socket besides its messages. */
export type SocketExtra = {
  request: IncomingMessage;
  ids: OperationIds;
  close: (code: number, reason: string) => void;
};

/** What GraphQL calls ExecutionArgs, with Yoga's way to run them. */
type Prepared = ExecutionArgs & { startedAt: number } & Pick<Enveloped, 'execute' | 'subscribe'>;

type Enveloped = ReturnType<Yoga['getEnveloped']>;

export function createProtocol(options: {
  yoga: Yoga;
  context: ContextOf;
  limits: Limits;
  maskError: MaskError;
  requestLog: RequestLog;
}): Server<SocketExtra> {
  const { yoga, context, limits, maskError, requestLog } = options;

  async function prepare(payload: SubscribePayload, contextValue: object): Promise<Prepared | readonly GraphQLError[]> {
    const startedAt = performance.now();
    const enveloped = yoga.getEnveloped({ ...contextValue, params: payload });
    const { schema, execute, subscribe } = enveloped;
    const { operationName, variables: variableValues } = payload;
    const document = parseDocument(enveloped, payload.query);
    const problems = document instanceof GraphQLError ? [document] : enveloped.validate(schema, document);
    if (document instanceof GraphQLError || problems.length > 0) {
      requestLog.operation({ operation: operationName ?? undefined, errors: problems }, startedAt);
      return problems;
    }
    const args = { schema, document, operationName, variableValues, contextValue: await enveloped.contextFactory() };
    return { ...args, execute, subscribe, startedAt };
  }

  return makeServer<Record<string, unknown> | undefined, SocketExtra>({
    connectionInitWaitTimeout: limits.connectionInitTimeoutMs,
    execute: (args) => (args as Prepared).execute(args),
    subscribe: (args) => (args as Prepared).subscribe(args),

    async onConnect({ extra, connectionParams }) {
      return (await context(socketCaller(extra.request, connectionParams))) !== null;
    },

    /** What it returns as errors is an answer to this operation; what it throws would close the socket with all others. */
    async onSubscribe({ extra, connectionParams, subscriptions }, _id, payload) {
      if (Object.keys(subscriptions).length > limits.operationsPerSocket) return [tooManyOperations(limits)];
      try {
        const contextValue = await context(socketCaller(extra.request, connectionParams));
        if (contextValue !== null) return await prepare(payload, contextValue);
      } catch (error) {
        return [maskError(error)];
      }
      extra.close(CloseCode.Forbidden, 'Forbidden');
      return [new GraphQLError('Forbidden.', { extensions: { code: 'FORBIDDEN' } })];
    },

    onOperation(_context, _id, _payload, args, result) {
      const { document, operationName, startedAt } = args as Prepared;
      const errors = ('errors' in result && result.errors) || [];
      requestLog.operation({ operation: operationNameOf(document, operationName), errors }, startedAt);
    },

    onNext: (_context, _id, _payload, _args, { errors, ...result }) =>
      (errors ? { ...result, errors: errors.map(formatError) } : result) as FormattedExecutionResult,
    onError({ extra }, id, _payload, errors) {
      extra.ids.release(id);
      return errors.map((error) => formatError(maskError(error)));
    },
    onComplete: ({ extra }, id) => extra.ids.release(id),
  });
}

/** A syntax error with the code that Yoga gives it over HTTP. */
function parseDocument({ parse }: Enveloped, query: string): DocumentNode | GraphQLError {
  try {
    return parse(query) as DocumentNode;
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    error.extensions['code'] ??= 'GRAPHQL_PARSE_FAILED';
    return error;
  }
}

const tooManyOperations = ({ operationsPerSocket }: Limits) =>
  new GraphQLError(
    `One socket runs ${operationsPerSocket} operations at a time at most. Complete one, or open another.`,
    {
      extensions: { code: 'TOO_MANY_OPERATIONS' },
    },
  );
