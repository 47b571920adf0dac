/** /graphql over HTTP: reads the request within its limits, lets Yoga answer it, sends the answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { admit } from '../http/authenticate.ts';
import { readText } from '../http/body.ts';
import { type ContextOf, httpCaller, type RequestContext } from '../http/caller.ts';
import { type Header, setHeaders } from '../http/headers.ts';
import { badRequest, HttpError } from '../http/http-error.ts';
import type { RequestLog } from '../http/request-log.ts';
import { isStream, letGo, sendAnswer, sendJson } from '../http/send-answer.ts';
import type { Allowances } from '../limits/allowances.ts';
import type { Limits } from '../limits/limits.ts';
import { receiveUpload } from '../upload/multipart.ts';
import { EventStream } from './event-stream.ts';
import { isPlain, type PlainOperations, type Ran } from './plain.ts';
import { type SharedStreams, wantsEvents } from './shared-stream.ts';
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
  readonly #allowances: Allowances;
  readonly #requestLog: RequestLog;
  readonly #plain: PlainOperations;
  readonly #shared: SharedStreams;
  readonly #headers: readonly Header[];
  #streams = 0;

  constructor(options: {
    yoga: Yoga;
    context: ContextOf;
    limits: Limits;
    uploadsFolder: string;
    /** Ends the streams. */
    closing: AbortSignal;
    allowances: Allowances;
    requestLog: RequestLog;
    plain: PlainOperations;
    shared: SharedStreams;
    /** Of every answer, unless it has its own. */
    headers: readonly Header[];
  }) {
    this.#yoga = options.yoga;
    this.#context = options.context;
    this.#limits = options.limits;
    this.#uploadsFolder = options.uploadsFolder;
    this.#closing = options.closing;
    this.#allowances = options.allowances;
    this.#requestLog = options.requestLog;
    this.#plain = options.plain;
    this.#shared = options.shared;
    this.#headers = options.headers;
  }

  /** How many event streams are open. */
  get streams(): number {
    return this.#streams;
  }

  /** Resolves when the answer is sent or the client has left. Throws what ends the request before GraphQL sees it. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    setRequest: (graphqlRequest: object) => void,
  ): Promise<void> {
    const context = await admit(this.#context, httpCaller(request));
    const { session } = context;
    if (session?.isLimited) await this.#allowances.operation(session.ownerId);
    if (request.method === 'GET') assertJson(url.searchParams);
    const body = request.method === 'POST' ? await this.#read(request, response, session) : {};
    try {
      const plain = body.text !== undefined && isPlain(request) ? await this.#plain.run(body.text, context) : undefined;
      if (plain !== undefined && !plain.result.errors) {
        setRequest(plain);
        this.#requestLog.ran(plain);
        sendJson(JSON.stringify(plain.result), response, this.#headers);
        return;
      }
      setHeaders(response, this.#headers);
      const streamed =
        body.text !== undefined && wantsEvents(request)
          ? await this.#stream(body.text, context, response, setRequest)
          : undefined;
      if (streamed === 'STREAMED') return;
      const ran = plain ?? streamed;
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
      // What its errors mean for the answer is Yoga's to say; it is not run again.
      if (ran !== undefined) this.#requestLog.parsed(graphqlRequest, ran.document);
      const carried = {
        ...(body.operations !== undefined && { operations: body.operations }),
        ...(ran !== undefined && { result: ran.result }),
      };
      const answer = await this.#yoga.handleRequest(graphqlRequest, { ...context, ...carried });
      const giveBack =
        session?.isLimited && isStream(answer) ? await this.#placeOf(answer, session.ownerId) : undefined;
      const streams = isStream(answer) ? 1 : 0;
      this.#streams += streams;
      await sendAnswer(answer, response, this.#closing, session && ((end) => session.watch(end))).finally(() => {
        this.#streams -= streams;
        giveBack?.();
      });
    } finally {
      await body.discard?.();
    }
  }

  /** Streams what is answered together with others, to its end. Undefined, with nothing run, for what is not. */
  async #stream(
    text: string,
    context: RequestContext,
    response: ServerResponse,
    setRequest: (about: object) => void,
  ): Promise<'STREAMED' | Ran | undefined> {
    const { session } = context;
    const giveBack = session?.isLimited ? this.#allowances.socket(session.ownerId) : undefined;
    this.#streams += 1;
    try {
      const stream = new EventStream(response);
      const subscribed = await this.#shared.subscribe(text, context, stream);
      if (subscribed === undefined || 'result' in subscribed) return subscribed;
      setRequest(subscribed);
      this.#requestLog.ran(subscribed);
      const watch = session && ((end: () => void) => session.watch(end));
      await stream.carry(subscribed.listener, this.#shared.errorOf, { closing: this.#closing, watch });
      return 'STREAMED';
    } finally {
      this.#streams -= 1;
      giveBack?.();
    }
  }

  /** Whom there is no place for is not streamed to. Throws HttpError 429. */
  async #placeOf(stream: Response, ownerId: string): Promise<() => void> {
    try {
      return this.#allowances.socket(ownerId);
    } catch (error) {
      await letGo(stream);
      throw error;
    }
  }

  async #read(request: IncomingMessage, response: ServerResponse, session: RequestContext['session']): Promise<Body> {
    const type = mediaTypeOf(request.headers['content-type'] ?? '');
    if (type === 'multipart/form-data') {
      const giveBack = session?.isLimited ? this.#allowances.upload(session.ownerId) : undefined;
      try {
        return await receiveUpload(request, response, this.#uploadsFolder, this.#limits);
      } finally {
        giveBack?.();
      }
    }
    if (!bodyTypes.has(type)) {
      throw new HttpError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send application/json, or multipart/form-data with files.');
    }
    const { requestBytes: maxBytes, requestTimeoutMs: timeoutMs } = this.#limits;
    return { text: await readText(request, response, { maxBytes, timeoutMs }) };
  }
}

const mediaTypeOf = (type: string) => (bodyTypes.has(type) ? type : (type.split(';')[0]?.trim().toLowerCase() ?? ''));

/** Yoga would take its own failure to read them for the server's. Throws HttpError 400. */
function assertJson(search: URLSearchParams): void {
  for (const name of ['variables', 'extensions']) {
    try {
      JSON.parse(search.get(name) || '{}');
    } catch {
      throw badRequest(`The parameter \`${name}\` is not JSON.`);
    }
  }
}
