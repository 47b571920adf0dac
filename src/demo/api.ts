/** A client of the API: operations and uploads by fetch, a job's events over one WebSocket. */
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type JobEvent, jobEvents, type Operation, type Refusal } from './operations.ts';
import { Trouble } from './trouble.ts';

type Answer<Data> = { data?: Data | null; errors?: readonly { message: string }[] };

export type NamedFile = { name: string; content: Uint8Array<ArrayBuffer> };

export class Api {
  readonly url: string;
  readonly #stop: AbortSignal;
  readonly #socket: Client;

  /** `stop` ends whatever is under way: it then throws the signal's reason. */
  constructor(url: string, stop: AbortSignal) {
    this.url = url;
    this.#stop = stop;
    this.#socket = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      // Five times, longer each: also when nothing listens, as while the server is started again.
      shouldRetry: () => true,
    });
  }

  /** One operation. Throws Trouble with the first error, if there is any. */
  async run<Variables, Data>({ document }: Operation<Variables, Data>, variables: Variables): Promise<Data> {
    const body = JSON.stringify({ query: document, variables });
    return this.#post<Data>({ headers: { 'content-type': 'application/json' }, body });
  }

  /** One operation with files, by the GraphQL multipart request specification; the variables have null in their places. */
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
   * Every event of a job, once and in order; resolves after the last. When the connection is lost it is made again, and
   * the job is followed from behind the last event that was seen.
   */
  async follow(jobId: string, onEvent: (event: JobEvent) => void): Promise<void> {
    // graphql-ws sends this very object each time that it connects, so `after` is always where we are. It has to be set
    // in `next`: an iterator (client.iterate) may still hold events that the socket gave it before it broke.
    const variables = { jobId, after: 0 };
    await new Promise<void>((resolve, reject) => {
      const unsubscribe = this.#socket.subscribe<{ jobEvents: JobEvent }>(
        { query: jobEvents.document, variables },
        {
          next: ({ data, errors }) => {
            if (!data) return reject(new Trouble(errors?.[0]?.message ?? 'The server answered nothing.'));
            variables.after = data.jobEvents.sequence;
            onEvent(data.jobEvents);
          },
          error: (problem) => reject(this.#troubleOf(problem)),
          complete: resolve,
        },
      );
      const leave = () => {
        unsubscribe();
        reject(this.#stop.reason as Error);
      };
      if (this.#stop.aborted) leave();
      this.#stop.addEventListener('abort', leave, { once: true });
    });
  }

  /** A file that the server gave the URL of. */
  async download(url: string): Promise<Buffer> {
    const response = await this.#fetch(url, {});
    if (!response.ok) throw new Trouble(`${url} answered ${response.status}.`);
    return Buffer.from(await response.arrayBuffer());
  }

  async #post<Data>(request: RequestInit): Promise<Data> {
    const response = await this.#fetch(`${this.url}/graphql`, { method: 'POST', ...request });
    const answer = (await response.json().catch(() => ({}))) as Answer<Data>;
    if (answer.errors?.[0]) throw new Trouble(`The server refuses: ${answer.errors[0].message}`);
    if (!answer.data) throw new Trouble(`What answers at ${this.url} is no Likeness server.`);
    return answer.data;
  }

  async #fetch(url: string, request: RequestInit): Promise<Response> {
    try {
      return await fetch(url, { ...request, signal: this.#stop });
    } catch (error) {
      this.#stop.throwIfAborted();
      throw this.#troubleOf(error);
    }
  }

  #troubleOf(problem: unknown): Trouble {
    if (Array.isArray(problem)) return new Trouble((problem as { message: string }[])[0]?.message);
    return new Trouble(`The server at ${this.url} does not answer any more.`);
  }
}

/** What a mutation made. Throws Trouble with the refusal's own sentence. */
export function made<Thing extends object>(result: Thing | Refusal): Thing {
  if ('message' in result) throw new Trouble(result.message);
  return result;
}
