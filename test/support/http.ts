/** Small clients of a running server: one operation, one with files, and subscriptions over WebSocket and SSE. */
import { createClient as createSseClient } from 'graphql-sse';
import { type Client, createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { write } from './said.ts';

type Variables = Record<string, unknown>;

// biome-ignore format: one line says it
export type Answer<Data = Record<string, unknown>> = { data?: Data | null; errors?: { message: string; path?: (string | number)[]; extensions?: Record<string, unknown> }[] };

/** One operation as JSON. `url` is the server's, without /graphql. */
export async function gql<Data = Record<string, unknown>>(
  url: string,
  query: string,
  variables: Variables = {},
  headers: Record<string, string> = {},
): Promise<Answer<Data>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const answer = (await response.json()) as Answer<Data>;
  if (answer.errors) write(JSON.stringify(answer.errors));
  return answer;
}

export type UploadFile = { path: string; name: string; content: Uint8Array<ArrayBuffer> | Blob | string };

/** One operation with files, by the multipart request specification; each file's `path` is as `variables.input.files.0`. */
export function multipartForm(query: string, variables: Variables, files: UploadFile[]): FormData {
  const form = new FormData();
  form.set('operations', JSON.stringify({ query, variables }));
  form.set('map', JSON.stringify(Object.fromEntries(files.map((file, index) => [index, [file.path]]))));
  for (const [index, { name, content }] of files.entries()) form.set(String(index), new Blob([content]), name);
  return form;
}

export async function upload<Data = Record<string, unknown>>(
  url: string,
  query: string,
  variables: Variables,
  files: UploadFile[],
): Promise<Answer<Data> & { status: number }> {
  const response = await fetch(`${url}/graphql`, { method: 'POST', body: multipartForm(query, variables, files) });
  return { status: response.status, ...((await response.json()) as Answer<Data>) };
}

/** Iterating gives each result; leaving the loop, or `close`, unsubscribes. */
export type Subscription<Data> = AsyncIterableIterator<Answer<Data>> & { close(): Promise<void> };

/** Over a WebSocket of its own, which `close` closes too. */
export function subscribe<Data = Record<string, unknown>>(
  url: string,
  query: string,
  variables: Variables = {},
): Subscription<Data> {
  const client = openSocket(url);
  return closing(client.iterate({ query, variables }) as AsyncIterableIterator<Answer<Data>>, () => client.dispose());
}

/** A graphql-ws client that connects at its first operation and does not try again. */
export function openSocket(url: string): Client {
  return createWsClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
}

export function sse<Data = Record<string, unknown>>(
  url: string,
  query: string,
  variables: Variables = {},
): Subscription<Data> {
  const client = createSseClient({ url: `${url}/graphql`, retryAttempts: 0 });
  return closing(client.iterate({ query, variables }) as AsyncIterableIterator<Answer<Data>>, () => client.dispose());
}

function closing<Data>(
  results: AsyncIterableIterator<Answer<Data>>,
  dispose: () => void | Promise<void>,
): Subscription<Data> {
  const close = async () => {
    await results.return?.();
    await dispose();
  };
  return Object.assign(results, { close });
}
