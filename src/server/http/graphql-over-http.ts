/**
 * /graphql over HTTP: reads the request within its limits, runs the operation and sends the answer. Requests and answers of
 * the common shape (JSON or server-sent events, without errors) are read and written here; Yoga does all others.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAsyncIterable } from 'graphql-yoga';
import { z } from 'zod';
import type { Limits } from '../../runtime/limits.ts';
import type { MaskError } from '../graphql/mask.ts';
import type { OperationOutcome, OperationRequest, Transport } from '../graphql/operation.ts';
import { httpCaller, type OperationSession } from '../graphql/operation-context.ts';
import type { Operations } from '../graphql/operations.ts';
import type { Allowances } from '../limits/allowances.ts';
import { receiveUpload } from '../upload/multipart.ts';
import { readText } from './body.ts';
import { EventStream } from './event-stream.ts';
import { type Header, setHeaders } from './headers.ts';
import { badRequest, HttpError } from './http-error.ts';
import { sendAnswer, sendJson } from './send-answer.ts';
import type { Yoga, YogaContext } from './yoga.ts';

/**
 * The content types that a POST may have. The forms that any page can make a browser send without a script are not among
 * them, except for multipart, which uploads need and which is refused by its origin.
 */
const bodyTypes = new Set(['application/json', 'application/graphql+json', 'application/graphql']);

type Body = { text?: string; operations?: object; discard?: () => Promise<void> };

type Options = {
  yoga: Yoga;
  operations: Operations;
  limits: Limits;
  allowances: Allowances;
  maskError: MaskError;
  uploadsFolder: string;
  /** Ends the event streams. */
  closing: AbortSignal;
  /** Of every answer, unless it sets its own. */
  headers: readonly Header[];
};

export class GraphQLOverHttp {
  readonly #options: Options;
  #streams = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** How many event streams are open. */
  get streams(): number {
    return this.#streams;
  }

  /** Resolves when the answer is sent or the client has left. Throws what ends the request before its operation runs. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    onOutcome: (outcome: OperationOutcome) => void,
  ): Promise<void> {
    const { operations } = this.#options;
    const context = await operations.admit(httpCaller(request), onOutcome);
    const { session } = context;
    if (request.method === 'GET') assertJson(url.searchParams);
    const body = request.method === 'POST' ? await this.#readBody(request, response, session) : {};
    const events = acceptsOnlyEvents(request) ? new EventStream(response) : undefined;
    const stream = this.#streamOf(session);
    const transport: Transport = {
      mayMutate: request.method === 'POST',
      traceparent: traceparentOf(request),
      frameWriter: undefined,
      openStream: stream.open,
      onOutcome,
    };
    try {
      const operation = readOperation(request, url, body);
      if (events !== undefined) setHeaders(response, this.#options.headers);
      const result = operation && (await operations.run(operation, context, { ...transport, frameWriter: events }));
      if (result !== undefined && events !== undefined && isAsyncIterable(result)) {
        const ends = { closing: this.#options.closing, session };
        await events.send(result, { ends, maskError: this.#options.maskError });
      } else if (result !== undefined && !isAsyncIterable(result) && !result.errors && acceptsJson(request)) {
        sendJson(JSON.stringify(result), response, this.#options.headers);
      } else {
        const run = (given: OperationRequest) => operations.run(given, context, transport);
        await this.#answerByYoga(request, response, {
          url,
          body,
          session,
          yogaContext: { operation: operation ?? body.operations, result, run },
        });
      }
    } finally {
      stream.close();
      await body.discard?.();
    }
  }

  /** One more event stream of the owner. `open` throws HttpError 429 if the owner has too many. */
  #streamOf(session: OperationSession | undefined): { open: () => void; close: () => void } {
    let release: (() => void) | undefined;
    return {
      open: () => {
        const giveBack = session?.isLimited ? this.#options.allowances.socket(session.ownerId) : undefined;
        this.#streams += 1;
        release = () => {
          this.#streams -= 1;
          giveBack?.();
        };
      },
      close: () => release?.(),
    };
  }

  async #answerByYoga(
    request: IncomingMessage,
    response: ServerResponse,
    about: { url: URL; body: Body; session: OperationSession | undefined; yogaContext: YogaContext },
  ): Promise<void> {
    const { url, body, session, yogaContext } = about;
    const { yoga, headers, closing } = this.#options;
    setHeaders(response, headers);
    const left = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) left.abort();
    });
    const fetchRequest = new yoga.fetchAPI.Request(url.href, {
      method: request.method ?? 'GET',
      headers: request.headers as Record<string, string>,
      signal: left.signal,
      ...(body.text !== undefined && { body: body.text }),
    });
    const answer = await yoga.handleRequest(fetchRequest, yogaContext);
    await sendAnswer(answer, response, { closing, session });
  }

  async #readBody(
    request: IncomingMessage,
    response: ServerResponse,
    session: OperationSession | undefined,
  ): Promise<Body> {
    const { limits, allowances, uploadsFolder } = this.#options;
    const type = mediaTypeOf(request.headers['content-type'] ?? '');
    if (type === 'multipart/form-data') {
      const release = session?.isLimited ? allowances.upload(session.ownerId) : undefined;
      try {
        return await receiveUpload(request, response, uploadsFolder, limits);
      } finally {
        release?.();
      }
    }
    if (!bodyTypes.has(type)) {
      throw new HttpError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send application/json, or multipart/form-data with files.');
    }
    return {
      text: await readText(request, response, { maxBytes: limits.requestBytes, timeoutMs: limits.requestTimeoutMs }),
    };
  }
}

const operationRequest = z.strictObject({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
});

/** The operation of a well-formed request. Undefined for any other: Yoga reads it in its way, or says what is wrong. */
function readOperation(request: IncomingMessage, { searchParams }: URL, body: Body): OperationRequest | undefined {
  if (body.operations !== undefined) return operationRequest.safeParse(body.operations).data;
  if (body.text !== undefined) {
    const isJson = request.headers['content-type']?.startsWith('application/json') === true;
    return isJson ? operationRequest.safeParse(parseJson(body.text)).data : undefined;
  }
  if (request.method !== 'GET') return undefined;
  return operationRequest.safeParse({
    query: searchParams.get('query') ?? undefined,
    operationName: searchParams.get('operationName') || undefined,
    variables: parseJson(searchParams.get('variables') || 'null'),
    extensions: parseJson(searchParams.get('extensions') || 'null'),
  }).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const acceptsJson = ({ headers: { accept } }: IncomingMessage) =>
  accept === undefined || accept === '*/*' || accept === 'application/json';

const acceptsOnlyEvents = ({ headers: { accept } }: IncomingMessage) => accept === 'text/event-stream';

const traceparentOf = ({ headers: { traceparent } }: IncomingMessage) =>
  typeof traceparent === 'string' ? traceparent : null;

const mediaTypeOf = (type: string) => (bodyTypes.has(type) ? type : (type.split(';')[0]?.trim().toLowerCase() ?? ''));

/** Yoga would answer 500 for parameters that are not JSON. Throws HttpError 400. */
function assertJson(search: URLSearchParams): void {
  for (const name of ['variables', 'extensions']) {
    try {
      JSON.parse(search.get(name) || '{}');
    } catch {
      throw badRequest(`The parameter \`${name}\` is not JSON.`);
    }
  }
}
