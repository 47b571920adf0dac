/** /graphql over HTTP: reads the request within its limits, lets Yoga answer it, sends the answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendAnswer } from './answer.ts';
import { readText } from './body.ts';
import { type ContextOf, httpCaller } from './caller.ts';
import { HttpError } from './http-error.ts';
import type { Limits } from './limits.ts';
import { receiveUpload } from './multipart.ts';
import type { Yoga } from './yoga.ts';

/**
 * What a POST may carry. Not the forms that any page can make a browser send with neither script nor consent, other than
 * multipart, without which there are no uploads: that one is refused by its origin.
 */
const bodyTypes = new Set(['application/json', 'application/graphql+json', 'application/graphql']);

type Body = { text?: string; operations?: object; discard?: () => Promise<void> };

export class GraphQLOverHttp {
  readonly #yoga: Yoga;
  readonly #context: ContextOf;
  readonly #limits: Limits;
  readonly #uploadsFolder: string;
  readonly #closing: AbortSignal;

  constructor(options: {
    yoga: Yoga;
    context: ContextOf;
    limits: Limits;
    uploadsFolder: string;
    /** Ends the streams. */
    closing: AbortSignal;
  }) {
    this.#yoga = options.yoga;
    this.#context = options.context;
    this.#limits = options.limits;
    this.#uploadsFolder = options.uploadsFolder;
    this.#closing = options.closing;
  }

  /** Resolves when the answer is sent or the client has left. Throws what ends the request before GraphQL sees it. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    setRequest: (graphqlRequest: Request) => void,
  ): Promise<void> {
    const context = await this.#context(httpCaller(request));
    if (context === null) throw new HttpError(403, 'FORBIDDEN', 'Forbidden.');
    const body = request.method === 'POST' ? await this.#read(request, response) : {};
    try {
      const left = new AbortController();
      response.once('close', () => {
        if (!response.writableFinished) left.abort();
      });
      const graphqlRequest = new this.#yoga.fetchAPI.Request(url.href, {
        method: request.method ?? 'GET',
        headers: request.headers as Record<string, string>,
        signal: left.signal,
        ...(body.text !== undefined && { body: body.text }),
      });
      setRequest(graphqlRequest);
      const carried = body.operations === undefined ? {} : { operations: body.operations };
      const answer = await this.#yoga.handleRequest(graphqlRequest, { ...context, ...carried });
      await sendAnswer(answer, response, this.#closing);
    } finally {
      await body.discard?.();
    }
  }

  async #read(request: IncomingMessage, response: ServerResponse): Promise<Body> {
    const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
    if (type === 'multipart/form-data') return receiveUpload(request, response, this.#uploadsFolder, this.#limits);
    if (!bodyTypes.has(type)) {
      throw new HttpError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send application/json, or multipart/form-data with files.');
    }
    const { requestBytes: maxBytes, requestTimeoutMs: timeoutMs } = this.#limits;
    return { text: await readText(request, response, { maxBytes, timeoutMs }) };
  }
}
