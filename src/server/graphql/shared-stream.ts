/** Subscriptions that come by POST for server-sent events and are answered together with others, as those of sockets are. */
import type { IncomingMessage } from 'node:http';
import { isAsyncIterable } from 'graphql-yoga';
import { sharingKeyOf } from '../fanout/sharing-key.ts';
import { subscribeTogether, type Together } from '../fanout/subscribe.ts';
import type { RequestContext } from '../http/caller.ts';
import type { EventStream } from './event-stream.ts';
import { formatError } from './mask.ts';
import { parametersOf, type Ran } from './plain.ts';
import { type Documents, graphqlPath, type Yoga } from './yoga.ts';

/** Whether the client takes an event stream and nothing else, and sends JSON. */
export const wantsEvents = ({ method, url, headers: { accept, 'content-type': type } }: IncomingMessage) =>
  method === 'POST' &&
  url === graphqlPath &&
  accept === 'text/event-stream' &&
  type?.startsWith('application/json') === true;

export type Listening = Omit<Ran, 'result'> & { listener: AsyncIterable<never> };

type Parts = Omit<Together, 'outlet'> & { yoga: Yoga; documents: Documents };

export class SharedStreams {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * What is listened to, or the errors for which nothing is. Undefined, with nothing run, for a document that was not seen
   * before, for one that is nobody else's, and for whatever is wrong with it: Yoga says what.
   */
  async subscribe(body: string, context: RequestContext, outlet: EventStream): Promise<Listening | Ran | undefined> {
    const { yoga, documents, ...together } = this.#parts;
    const given = parametersOf(body);
    const document = given && documents.get(given.query);
    if (given === undefined || document === undefined || context.session === undefined) return undefined;
    const { schema, validate, contextFactory } = yoga.getEnveloped({ ...context, params: given });
    const { query, operationName, variables: variableValues } = given;
    const likeness = sharingKeyOf({ schema, document, operationName, variableValues }, query);
    if (likeness === undefined || validate(schema, document).length > 0) return undefined;
    const args = { schema, document, operationName, variableValues, contextValue: await contextFactory() };
    const source = await subscribeTogether(args, `${context.session.authorizationKey} ${likeness}`, {
      ...together,
      outlet,
    });
    const about = { document, operationName };
    return isAsyncIterable(source) ? { ...about, listener: source } : { ...about, result: source };
  }

  /** What a client is told of an error that ends its stream, as JSON. */
  readonly errorOf = (error: unknown): string =>
    JSON.stringify({ errors: [formatError(this.#parts.maskError(error))] });
}
