/** A client of the public API: operations and uploads over HTTP, the events of jobs over one WebSocket. */
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { DemoError } from './errors.ts';
import { type ApiError, type JobEvent, jobEvents, type Operation } from './operations.ts';

type Answer<Data> = { data?: Data | null; errors?: readonly { message: string }[] };

export type NamedFile = { name: string; content: Uint8Array<ArrayBuffer> };

export class Api {
  readonly url: string;
  readonly #stop: AbortSignal;
  readonly #socket: Client;

  /** Aborting `stop` ends every pending call, which then throws the signal's reason. */
  constructor(url: string, stop: AbortSignal) {
    this.url = url;
    this.#stop = stop;
    this.#socket = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      // Five retries with growing pauses, also while nothing listens because the server restarts.
      shouldRetry: () => true,
    });
  }

  /** Runs an operation. Throws DemoError with the first GraphQL error. */
  async run<Variables, Data>({ document }: Operation<Variables, Data>, variables: Variables): Promise<Data> {
    const body = JSON.stringify({ query: document, variables });
    return this.#post<Data>({ headers: { 'content-type': 'application/json' }, body });
  }

  /** Runs an operation with files, as the GraphQL multipart request specification says. */
  async upload<Data>(
    { document }: Operation<{ input: { avatarId: string; files: null[] } }, Data>,
    avatarId: string,
    files: NamedFile[],
  ): Promise<Data> {
    const variables = { input: { avatarId, files: files.map(() => null) } };
    const form = new FormData();
    form.set('operations', JSON.stringify({ query: document, variables }));
    form.set('map', JSON.stringify(Object.fromEntries(files.map((_, i) => [i, [`variables.input.files.${i}`]]))));
    for (const [i, { name, content }] of files.entries()) form.set(String(i), new Blob([content]), name);
    return this.#post<Data>({ body: form });
  }

  /**
   * Passes on every event of a job, once and in order, and resolves after the last. After a lost connection it connects
   * again and continues behind the last event that it received.
   */
  async follow(jobId: string, onEvent: (event: JobEvent) => void): Promise<void> {
    // graphql-ws sends this object each time it connects, so `after` must always be the last event passed on. That is why
    // it is set in `next`: an iterator (client.iterate) may still buffer events when the socket breaks.
    const variables = { jobId, after: 0 };
    await new Promise<void>((resolve, reject) => {
      const unsubscribe = this.#socket.subscribe<{ jobEvents: JobEvent }>(
        { query: jobEvents.document, variables },
        {
          next: ({ data, errors }) => {
            if (!data) return reject(new DemoError(errors?.[0]?.message ?? 'The server sent an event without data.'));
            variables.after = data.jobEvents.sequence;
            onEvent(data.jobEvents);
          },
          error: (problem) => reject(this.#demoErrorOf(problem)),
          complete: resolve,
        },
      );
      const abort = () => {
        unsubscribe();
        reject(this.#stop.reason as Error);
      };
      if (this.#stop.aborted) abort();
      this.#stop.addEventListener('abort', abort, { once: true });
    });
  }

  /** Downloads a file from a URL that the server returned. */
  async download(url: string): Promise<Buffer> {
    const response = await this.#fetch(url, {});
    if (!response.ok) throw new DemoError(`${url} answered ${response.status}.`);
    return Buffer.from(await response.arrayBuffer());
  }

  async #post<Data>(request: RequestInit): Promise<Data> {
    const response = await this.#fetch(`${this.url}/graphql`, { method: 'POST', ...request });
    const answer = (await response.json().catch(() => ({}))) as Answer<Data>;
    if (answer.errors?.[0]) throw new DemoError(`The server refused the request: ${answer.errors[0].message}`);
    if (!answer.data) throw new DemoError(`Another program than Likeness answers at ${this.url}.`);
    return answer.data;
  }

  async #fetch(url: string, request: RequestInit): Promise<Response> {
    try {
      return await fetch(url, { ...request, signal: this.#stop });
    } catch (error) {
      this.#stop.throwIfAborted();
      throw this.#demoErrorOf(error);
    }
  }

  #demoErrorOf(problem: unknown): DemoError {
    if (Array.isArray(problem)) return new DemoError((problem as { message: string }[])[0]?.message);
    return new DemoError(`The server at ${this.url} no longer answers.`);
  }
}

/** The object that a mutation returned. Throws DemoError with the message of an API error. */
export function unwrap<Thing extends object>(result: Thing | ApiError): Thing {
  if ('message' in result) throw new DemoError(result.message);
  return result;
}
