/** One owner's way to the server: calls that are sent again until they are answered, and subscriptions. */
import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type Answer, multipartForm, type UploadFile } from '../support/http.ts';

type Variables = Record<string, unknown>;

/** Who calls. `headers` go with each request, and as the payload of `connection_init`. */
export type Owner = { name: string; headers: Record<string, string> };

export type Caller = {
  owner: Owner;
  /**
   * One operation, again and again until the server answers: it may have been killed before, while or after it did what
   * was asked. Throws for an answer with errors, and when `signal` aborts.
   */
  call<Data>(document: string, variables?: Variables, files?: UploadFile[]): Promise<Data>;
  /** Results until the stream ends; throws when it breaks. Leaving the loop unsubscribes. */
  stream<Data>(over: 'WebSocket' | 'SSE', document: string, variables: Variables): AsyncGenerator<Answer<Data>>;
};

const againMs = 100;

/** The server is there, and its database is not. */
const isAway = ({ errors = [] }: Answer<unknown>) =>
  errors.length > 0 && errors.every(({ extensions }) => extensions?.['code'] === 'SERVICE_UNAVAILABLE');

export function callerFor(owner: Owner, url: string, signal: AbortSignal): Caller {
  const { headers } = owner;
  // As many as there are calls under way.
  setMaxListeners(0, signal);
  const post = async (document: string, variables: Variables, files: UploadFile[]): Promise<unknown> => {
    const query = document;
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { ...headers, ...(files.length === 0 && { 'content-type': 'application/json' }) },
      body: files.length === 0 ? JSON.stringify({ query, variables }) : multipartForm(query, variables, files),
      signal,
    });
    return await response.json();
  };
  return {
    owner,
    async call<Data>(document: string, variables: Variables = {}, files: UploadFile[] = []): Promise<Data> {
      for (;;) {
        signal.throwIfAborted();
        const answer = (await post(document, variables, files).catch(() => undefined)) as Answer<Data> | undefined;
        if (answer?.data != null && answer.errors === undefined) return answer.data;
        if (answer !== undefined && !isAway(answer))
          throw new Error(`${owner.name} was answered ${JSON.stringify(answer.errors)}`);
        await pause(againMs);
      }
    },
    async *stream<Data>(over: 'WebSocket' | 'SSE', query: string, variables: Variables) {
      const options = { url: `${url}/graphql`, retryAttempts: 0 };
      const client =
        over === 'SSE'
          ? createSseClient({ ...options, headers })
          : createWsClient({
              url: options.url.replace('http', 'ws'),
              webSocketImpl: WebSocket,
              retryAttempts: 0,
              connectionParams: headers,
            });
      const dispose = () => void client.dispose();
      signal.addEventListener('abort', dispose);
      try {
        yield* client.iterate({ query, variables }) as AsyncIterable<Answer<Data>>;
      } finally {
        signal.removeEventListener('abort', dispose);
        dispose();
      }
    },
  };
}
