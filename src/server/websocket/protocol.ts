/** graphql-transport-ws: graphql-ws speaks the protocol, and each operation goes through graphql/operations.ts. */
import { type ExecutionResult, GraphQLError } from 'graphql';
import { CloseCode, makeServer, type Server } from 'graphql-ws';
import type { Limits } from '../../runtime/limits.ts';
import { formatError, formatResult, type MaskError, toGraphQLError } from '../graphql/mask.ts';
import { type CreateContext, type OperationSession, socketCaller } from '../graphql/operation-context.ts';
import type { Operations } from '../graphql/operations.ts';
import type { PreparedOperation } from '../graphql/prepared-operation.ts';
import { authenticate } from '../http/authenticate.ts';
import { HttpError } from '../http/http-error.ts';
import type { ServerMetrics } from '../http/metrics-hooks.ts';
import type { RequestLog } from '../http/request-log.ts';
import type { Allowances } from '../limits/allowances.ts';
import type { Client } from './client.ts';
import { SocketFrameWriter } from './socket-frame-writer.ts';

export function createProtocol(options: {
  operations: Operations;
  createContext: CreateContext;
  limits: Limits;
  allowances: Allowances;
  maskError: MaskError;
  requestLog: RequestLog;
  metrics: ServerMetrics;
}): Server<Client> {
  const { operations, createContext, limits, allowances, maskError, requestLog, metrics } = options;

  /** The socket counts for its owner while it is open, and is closed when the session ends. */
  function bindToSession(client: Client, session: OperationSession): void {
    if (session.isLimited) client.onClosed(allowances.socket(session.ownerId));
    client.onClosed(session.onEnd(() => client.close(CloseCode.Forbidden, sessionOver)));
  }

  return makeServer<Record<string, unknown> | undefined, Client>({
    connectionInitWaitTimeout: limits.connectionInitTimeoutMs,

    async onConnect({ extra: client, connectionParams }) {
      try {
        const { session } = await authenticate(createContext, socketCaller(client.handshake, connectionParams));
        if (session !== undefined) bindToSession(client, session);
        return true;
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        client.close(...closeFor(error));
        return false;
      }
    },

    /** Returned errors answer this operation. Throwing would close the socket, and end all its operations. */
    async onSubscribe({ extra: client, connectionParams, subscriptions }, id, payload) {
      const onOutcome = requestLog.start();
      if (Object.keys(subscriptions).length > limits.operationsPerSocket) {
        metrics.onRefused('operations_per_socket');
        const errors = [tooManyOperations(limits)];
        onOutcome({ name: undefined, errors });
        return errors;
      }
      try {
        const context = await operations.admit(socketCaller(client.handshake, connectionParams), onOutcome);
        return operations.prepare(payload, context, {
          mayMutate: true,
          traceparent: null,
          frameWriter: new SocketFrameWriter(client, id),
          // The socket itself was counted when it connected.
          openStream: () => undefined,
          onOutcome,
        });
      } catch (error) {
        if (!(error instanceof HttpError)) return [maskError(error)];
        // A rate limit, or an unavailable database, concerns this operation. Any other refusal concerns the caller.
        if (error.status !== 429 && error.status !== 503) client.close(...closeFor(error));
        return [toGraphQLError(error)];
      }
    },
    execute: (prepared) => (prepared as PreparedOperation).run(),
    subscribe: (prepared) => (prepared as PreparedOperation).run(),

    onNext: (_context, _id, _payload, _prepared, result) => formatResult(result as ExecutionResult),
    onError({ extra: client }, id, _payload, errors) {
      client.release(id);
      return errors.map((error) => formatError(maskError(error)));
    },
    onComplete: ({ extra: client }, id) => client.release(id),
  });
}

/** After 4403, a graphql-ws client connects again with whatever credentials it then has. */
const sessionOver = 'The session is over: connect again with credentials that are good';
/** In the private range, and codes after which graphql-ws's client connects again. */
export const tooManySockets = 4441;
export const unavailable = 4503;

function closeFor({ status, message }: HttpError): [code: number, reason: string] {
  // A close frame has room for 123 bytes of reason.
  const reason = message.slice(0, 100);
  if (status === 429) return [tooManySockets, reason];
  return status === 503 ? [unavailable, reason] : [CloseCode.Forbidden, reason];
}

const tooManyOperations = ({ operationsPerSocket }: Limits) =>
  new GraphQLError(
    `One socket runs ${operationsPerSocket} operations at a time at most. Complete one, or open another.`,
    { extensions: { code: 'TOO_MANY_OPERATIONS' } },
  );
