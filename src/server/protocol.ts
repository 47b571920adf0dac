/** graphql-transport-ws: each operation of a socket runs through Yoga's plugins, as one over HTTP does. */
import type { IncomingMessage } from 'node:http';
import { type ExecutionArgs, type FormattedExecutionResult, GraphQLError } from 'graphql';
import { CloseCode, makeServer, type Server, type SubscribePayload } from 'graphql-ws';
import { type ContextOf, socketCaller } from './caller.ts';
import type { Limits } from './limits.ts';
import { formatError, type MaskError } from './mask.ts';
import type { RequestLog } from './request-log.ts';
import type { Yoga } from './yoga.ts';

/** What the protocol knows of a socket besides its messages. */
export type SocketExtra = { request: IncomingMessage; close: (code: number, reason: string) => void };

/** What GraphQL calls ExecutionArgs, with Yoga's way to run them. */
type Prepared = ExecutionArgs & Pick<ReturnType<Yoga['getEnveloped']>, 'execute' | 'subscribe'>;

export function createProtocol(options: {
  yoga: Yoga;
  context: ContextOf;
  limits: Limits;
  maskError: MaskError;
  requestLog: RequestLog;
}): Server<SocketExtra> {
  const { yoga, context, limits, maskError, requestLog } = options;

  async function prepare(payload: SubscribePayload, contextValue: object): Promise<Prepared | readonly GraphQLError[]> {
    const enveloped = yoga.getEnveloped({ ...contextValue, params: payload });
    const { schema, execute, subscribe } = enveloped;
    const document = enveloped.parse(payload.query);
    const problems = enveloped.validate(schema, document);
    if (problems.length > 0) return problems;
    return {
      schema,
      document,
      operationName: payload.operationName,
      variableValues: payload.variables,
      contextValue: await enveloped.contextFactory(),
      execute,
      subscribe,
    };
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
      const startedAt = performance.now();
      try {
        const contextValue = await context(socketCaller(extra.request, connectionParams));
        if (contextValue === null) {
          extra.close(CloseCode.Forbidden, 'Forbidden');
          return [new GraphQLError('Forbidden', { extensions: { code: 'FORBIDDEN' } })];
        }
        const prepared = await prepare(payload, contextValue);
        if (!isErrors(prepared)) return prepared;
        requestLog.operation({ operation: payload.operationName ?? undefined, errors: prepared }, startedAt);
        return prepared;
      } catch (error) {
        const errors = [maskError(error)];
        requestLog.operation({ operation: payload.operationName ?? undefined, errors }, startedAt);
        return errors;
      }
    },

    onNext: (_context, _id, _payload, _args, { errors, ...result }) =>
      (errors ? { ...result, errors: errors.map(formatError) } : result) as FormattedExecutionResult,
    onError: (_context, _id, _payload, errors) => errors.map((error) => formatError(maskError(error))),
  });
}

const tooManyOperations = ({ operationsPerSocket }: Limits) =>
  new GraphQLError(
    `One socket runs ${operationsPerSocket} operations at a time at most. Complete one, or open another.`,
    {
      extensions: { code: 'TOO_MANY_OPERATIONS' },
    },
  );

const isErrors = (prepared: Prepared | readonly GraphQLError[]): prepared is readonly GraphQLError[] =>
  Array.isArray(prepared);
