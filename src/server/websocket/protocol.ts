/** graphql-transport-ws: each operation of a socket runs through Yoga's plugins, as one over HTTP does. */
import { type DocumentNode, type ExecutionArgs, type FormattedExecutionResult, GraphQLError } from 'graphql';
import { CloseCode, makeServer, type Server, type ServerOptions, type SubscribePayload } from 'graphql-ws';
import type { SharedSubscriptions } from '../fanout/shared-subscriptions.ts';
import { sharingKeyOf } from '../fanout/sharing-key.ts';
import { subscribeTogether, type Together } from '../fanout/subscribe.ts';
import { formatError, type MaskError } from '../graphql/mask.ts';
import type { Yoga } from '../graphql/yoga.ts';
import { admit } from '../http/authenticate.ts';
import { type ContextOf, type RequestContext, socketCaller } from '../http/caller.ts';
import { HttpError } from '../http/http-error.ts';
import type { ServerSeen } from '../http/metrics-hooks.ts';
import { operationNameOf, type RequestLog } from '../http/request-log.ts';
import type { Allowances } from '../limits/allowances.ts';
import type { Limits } from '../limits/limits.ts';
import type { Client } from './client.ts';
import { FrameWriter } from './frame-writer.ts';

/** What GraphQL calls ExecutionArgs, with Yoga's way to run them. */
type Prepared = ExecutionArgs & { startedAt: number } & Pick<Enveloped, 'execute'> & {
    subscribe: (args: ExecutionArgs) => ReturnType<NonNullable<ServerOptions['subscribe']>>;
  };

type Enveloped = ReturnType<Yoga['getEnveloped']>;

export function createProtocol(options: {
  yoga: Yoga;
  context: ContextOf;
  limits: Limits;
  maskError: MaskError;
  requestLog: RequestLog;
  allowances: Allowances;
  broadcasts: SharedSubscriptions;
  onRefused: ServerSeen['onRefused'];
}): Server<Client> {
  const { yoga, context, limits, maskError, requestLog, allowances, broadcasts, onRefused } = options;

  async function prepare(
    payload: SubscribePayload,
    contextValue: RequestContext,
    outlet: FrameWriter,
  ): Promise<Prepared | readonly GraphQLError[]> {
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
    const likeness = contextValue.session && sharingKeyOf(args, payload.query);
    if (likeness === undefined) return { ...args, execute, subscribe, startedAt };
    const together = { broadcasts, maskError, limits, outlet };
    return preparedTogether(args, startedAt, `${contextValue.session?.authorizationKey} ${likeness}`, together);
  }

  function hold(session: NonNullable<RequestContext['session']>, client: Client): void {
    if (session.isLimited) client.onClosed(allowances.socket(session.ownerId));
    client.onClosed(session.watch(() => client.close(CloseCode.Forbidden, sessionOver)));
  }

  return makeServer<Record<string, unknown> | undefined, Client>({
    connectionInitWaitTimeout: limits.connectionInitTimeoutMs,
    execute: (args) => (args as Prepared).execute(args),
    subscribe: (args) => (args as Prepared).subscribe(args),

    /** Good for as long as its credentials are: after that the socket is closed, and with it all that it follows. */
    async onConnect({ extra, connectionParams }) {
      try {
        const { session } = await admit(context, socketCaller(extra.from, connectionParams));
        if (session !== undefined) hold(session, extra);
        return true;
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        extra.close(...closingOf(error));
        return false;
      }
    },

    /** What it returns as errors is an answer to this operation; what it throws would close the socket with all others. */
    async onSubscribe({ extra, connectionParams, subscriptions }, id, payload) {
      if (Object.keys(subscriptions).length > limits.operationsPerSocket) {
        onRefused('operations_per_socket');
        return [tooManyOperations(limits)];
      }
      try {
        const contextValue = await admit(context, socketCaller(extra.from, connectionParams));
        const { session } = contextValue;
        if (session?.isLimited) await allowances.operation(session.ownerId);
        return await prepare(payload, contextValue, new FrameWriter(extra, id));
      } catch (error) {
        if (!(error instanceof HttpError)) return [maskError(error)];
        // Too many, or the server's own trouble, is about this operation. A caller who is let in no longer is gone.
        if (error.status !== 429 && error.status !== 503) extra.close(...closingOf(error));
        return [refusalOf(error)];
      }
    },

    onOperation(_context, _id, _payload, args, result) {
      const { document, operationName, startedAt } = args as Prepared;
      const errors = ('errors' in result && result.errors) || [];
      requestLog.operation({ operation: operationNameOf(document, operationName), errors }, startedAt);
    },

    onNext: (_context, _id, _payload, _args, { errors, ...result }) =>
      (errors ? { ...result, errors: errors.map(formatError) } : result) as FormattedExecutionResult,
    onError({ extra }, id, _payload, errors) {
      extra.release(id);
      return errors.map((error) => formatError(maskError(error)));
    },
    onComplete: ({ extra }, id) => extra.release(id),
  });
}

/** Once it has subscribed it holds nothing of its own: there are many, and most of them wait. */
function preparedTogether(args: ExecutionArgs, startedAt: number, likeness: string, together: Together): Prepared {
  const { schema, document, operationName } = args;
  let ready: { args: ExecutionArgs; likeness: string } | undefined = { args, likeness };
  return {
    schema,
    document,
    operationName: operationName ?? null,
    contextValue: undefined,
    startedAt,
    execute: () => undefined,
    async subscribe() {
      if (ready === undefined) throw new Error('It has subscribed already.');
      const asked = ready;
      ready = undefined;
      return await subscribeTogether(asked.args, asked.likeness, together);
    },
  };
}

/** For a graphql-ws client, 4403 is a reason to connect again, with whatever credentials it then has. */
const sessionOver = 'The session is over: connect again with credentials that are good';
/** Of the private range, and to graphql-ws's client one after which to connect again. */
export const tooManySockets = 4441;
export const unavailable = 4503;

function closingOf({ status, message }: HttpError): [code: number, reason: string] {
  // A close frame holds 123 bytes of reason.
  const reason = message.slice(0, 100);
  if (status === 429) return [tooManySockets, reason];
  return status === 503 ? [unavailable, reason] : [CloseCode.Forbidden, reason];
}

const refusalOf = ({ message, code, headers }: HttpError) =>
  new GraphQLError(message, {
    extensions: { code, ...(headers['retry-after'] && { retryAfterSeconds: Number(headers['retry-after']) }) },
  });

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
