/** One line for each request and each operation of a socket: at debug, and at warn when it failed. Never a variable. */
import type { ServerResponse } from 'node:http';
import { type DocumentNode, type GraphQLError, getOperationAST } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Logger } from 'pino';
import { clip } from '../../database/storable-text.ts';

/** What came of an operation, for its line. */
type Outcome = { operation: string | undefined; errors: readonly GraphQLError[] };

export class RequestLog {
  readonly #log: Logger;
  readonly #documents = new WeakMap<object, DocumentNode>();
  readonly #outcomes = new WeakMap<object, Outcome>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Hears what came of each operation over HTTP. */
  readonly plugin: Plugin = {
    onParse: () => {
      return ({ result, context }) => {
        const { request } = context as { request?: Request };
        if (request !== undefined && result !== null && 'kind' in result) this.#documents.set(request, result);
      };
    },
    onExecutionResult: ({ request, context, result }) => {
      const isOne = result !== undefined && !isAsyncIterable(result) && !Array.isArray(result);
      const { params } = context as { params?: { operationName?: string } };
      const operation = operationNameOf(this.#documents.get(request), params?.operationName);
      this.#outcomes.set(request, { operation, errors: (isOne && result.errors) || [] });
    },
  };

  /** A request's document, where Yoga does not parse it. */
  parsed(request: object, document: DocumentNode): void {
    this.#documents.set(request, document);
  }

  /** An operation that was run past Yoga's HTTP, without an error. */
  ran(ran: { document: DocumentNode; operationName: string | null | undefined }): void {
    if (!this.#log.isLevelEnabled('debug')) return;
    this.#outcomes.set(ran, { operation: operationNameOf(ran.document, ran.operationName), errors: [] });
  }

  /** Writes the line when the answer is sent or the client has left. Returns how to say which operation it was. */
  watch(response: ServerResponse, path: string): (request: object) => void {
    const startedAt = performance.now();
    let request: object | undefined;
    response.on('close', () => {
      const outcome = request && this.#outcomes.get(request);
      const answer = {
        method: response.req.method,
        path,
        status: response.statusCode,
        sent: response.writableFinished,
      };
      this.#write(response.statusCode >= 400, answer, outcome, startedAt);
    });
    return (graphqlRequest) => {
      request = graphqlRequest;
    };
  }

  /** An operation of a socket: at its end, or when it has become a stream. */
  operation(outcome: Outcome, startedAt: number): void {
    this.#write(false, { transport: 'websocket' }, outcome, startedAt);
  }

  #write(isFailed: boolean, answer: object, outcome: Outcome | undefined, startedAt: number): void {
    const codes = outcome?.errors.map((error) => error.extensions['code'] ?? 'GRAPHQL_ERROR') ?? [];
    const level = isFailed || codes.length > 0 ? 'warn' : 'debug';
    if (!this.#log.isLevelEnabled(level)) return;
    const fields = { ...answer, operation: outcome?.operation, ms: Math.round(performance.now() - startedAt) };
    this.#log[level](codes.length > 0 ? { ...fields, codes } : fields, 'request');
  }
}

/** As the client names it, or as its document does; not more of it than a line is to hold. */
export function operationNameOf(document: DocumentNode | undefined, given: unknown): string | undefined {
  const name = typeof given === 'string' ? given : document && getOperationAST(document)?.name?.value;
  return name && clip(name, 100);
}
