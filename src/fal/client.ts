/**
 * Calls fal, live or simulated, over HTTP; the only file that imports @fal-ai/client. That client builds the requests (URLs,
 * headers, uploads in parts). We send them and read the responses ourselves, because the client would repeat a submit,
 * ignore Retry-After, wait without a limit and round long seeds.
 */
import { createFalClient, type FalClient } from '@fal-ai/client';
import { download } from './download.ts';
import type { FalErrorResponse } from './error-response.ts';
import { SubmitUnconfirmed } from './errors.ts';
import { abortScope } from './http/abort-scope.ts';
import { sleep as realSleep, type Sleep } from './http/backoff.ts';
import { openJsonRequests, type RequestSpec, unavailable } from './http/json-request.ts';
import { readKey, redactionOf } from './http/key.ts';
import { type CallMetrics, instrumentCalls } from './http/metrics-hooks.ts';
import { type HttpRequest, openTransport } from './http/transport.ts';
import { NoResponse } from './http/transport-errors.ts';
import type { Fal, RequestStatus, Submitted } from './port.ts';
import { follow } from './queue/follow.ts';
import { assertEndpointId, assertRequestId, requestUrl } from './queue/request.ts';
import { type CancelOutcome, readCancel, readCancelError, readResult, readSubmitted } from './queue/responses.ts';
import { readStatus } from './queue/status.ts';
import { readStream } from './queue/status-stream.ts';
import { refusalOfRead, refusalOfResult, refusalOfSubmit } from './refusals.ts';
import { upload } from './upload.ts';

export type FalOptions = {
  key: string;
  /** An origin that replaces all of fal's hosts: the simulator, or a proxy. The header x-fal-sim-host names the original. */
  baseUrl?: string | undefined;
  timeouts?: Partial<FalTimeouts> | undefined;
  log?: FalLogger | undefined;
  /** Resolves when the rate limit allows one more read of a status, or one more status stream. `follow` waits for it. */
  acquireRead?: (signal: AbortSignal) => Promise<void>;
  /** Called at the end of every HTTP call. */
  onCall?: ((metrics: CallMetrics) => void) | undefined;
  /** For tests. */
  sleep?: Sleep;
  random?: () => number;
  now?: () => number;
};

/** Each limits one attempt. */
export type FalTimeouts = {
  connectMs: number;
  submitMs: number;
  /** Status, result, cancel. */
  readMs: number;
  /** To the first byte of the status stream; after that, polling takes over. */
  streamOpenMs: number;
  /** fal sends a comment every 15 s. */
  streamSilenceMs: number;
  /** One PUT: a whole file, or a part of 10 MiB of a large one. */
  uploadMs: number;
  downloadIdleMs: number;
};

/** A pino logger fits. */
export type FalLogger = Record<'debug' | 'warn', (fields: object, message: string) => void>;

const defaultTimeouts: FalTimeouts = {
  connectMs: 10_000,
  submitMs: 30_000,
  readMs: 30_000,
  streamOpenMs: 15_000,
  streamSilenceMs: 45_000,
  uploadMs: 10 * 60_000,
  downloadIdleMs: 30_000,
};

export function createFal(options: FalOptions): Fal & { close(): Promise<void> } {
  const { baseUrl, log, acquireRead = async () => undefined, onCall = () => undefined } = options;
  const { sleep = realSleep, random = Math.random, now = Date.now } = options;
  const key = readKey(options.key);
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const transport = openTransport({ baseUrl, connectMs: timeouts.connectMs, onCallStart: instrumentCalls(onCall) });
  const requests = openJsonRequests({ transport, redact: redactionOf(key), sleep, random, now });

  /** Lets the client build one request, passes it to `send` and returns its result. A second request throws. */
  const withClient = async <T>(
    build: (client: FalClient) => Promise<unknown>,
    send: (request: HttpRequest) => Promise<T>,
  ): Promise<T> => {
    let sending: Promise<T> | undefined;
    const client = createFalClient({
      credentials: key,
      fetch: async (url, init) => {
        if (sending) throw new Error('The fal client sent a second request.');
        sending = send(requestOf(url, init));
        await sending;
        return Response.json({});
      },
    });
    await build(client);
    if (!sending) throw new Error('The fal client sent no request.');
    return sending;
  };

  const statusSpec = (signal: AbortSignal | undefined): RequestSpec<RequestStatus> => ({
    name: 'status',
    timeoutMs: timeouts.readMs,
    signal,
    read: readStatus,
    toError: refusalOfRead,
  });

  return {
    async submit(endpoint, input, { webhookUrl } = {}): Promise<Submitted> {
      assertEndpointId(endpoint);
      const spec: RequestSpec<Submitted> = {
        name: 'submit',
        timeoutMs: timeouts.submitMs,
        fresh: true,
        read: (body) => readSubmitted(endpoint, body),
        toError: (response) => refusalOfSubmit(endpoint, response),
      };
      try {
        return await withClient(
          async ({ queue }) => queue.submit<string>(endpoint, { input, ...(webhookUrl && { webhookUrl }) }),
          async (request) => requests.send(request, spec),
        );
      } catch (error) {
        if (!(error instanceof NoResponse)) throw error;
        if (!error.wasSent) throw unavailable(error);
        throw new SubmitUnconfirmed(`${error.message}, so it is unknown whether fal accepted the request.`);
      }
    },

    async status(endpoint, requestId, signal) {
      assertEndpointId(endpoint);
      assertRequestId(requestId);
      return withClient(buildStatus(endpoint, requestId), async (request) =>
        requests.read(request, statusSpec(signal)),
      );
    },

    async *follow(endpoint, requestId, signal) {
      assertEndpointId(endpoint);
      assertRequestId(requestId);
      const scope = abortScope([signal, transport.closed]);
      const stream = {
        url: `${requestUrl(endpoint, requestId)}/status/stream?logs=1`,
        headers: { authorization: `Key ${key}`, accept: 'text/event-stream' },
      };
      const sources = {
        poll: async (signal: AbortSignal) => {
          await acquireRead(signal);
          return await withClient(buildStatus(endpoint, requestId), async (request) =>
            requests.readOnce(request, statusSpec(signal)),
          );
        },
        stream: async function* (signal: AbortSignal) {
          await acquireRead(signal);
          const { streamOpenMs: openMs, streamSilenceMs: silenceMs } = timeouts;
          yield* readStream(transport, stream, { openMs, silenceMs, signal });
        },
        onStreamLost: (reason: unknown) =>
          log?.debug(
            { endpoint, requestId, reason: messageOf(reason) },
            'The fal status stream failed; polling instead.',
          ),
        sleep,
        random,
      };
      try {
        yield* follow(sources, scope.signal);
      } finally {
        scope.release();
      }
    },

    async result(endpoint, requestId, signal) {
      assertEndpointId(endpoint);
      assertRequestId(requestId);
      const toError = (response: FalErrorResponse) => refusalOfResult(endpoint, response);
      return withClient(
        async ({ queue }) => queue.result<string>(endpoint, { requestId }),
        async (request) =>
          requests.read(request, { name: 'result', timeoutMs: timeouts.readMs, signal, read: readResult, toError }),
      );
    },

    async cancel(endpoint, requestId) {
      assertEndpointId(endpoint);
      assertRequestId(requestId);
      const spec: RequestSpec<CancelOutcome> = {
        name: 'cancel',
        timeoutMs: timeouts.readMs,
        read: readCancel,
        readError: readCancelError,
        toError: refusalOfRead,
      };
      return withClient(
        async ({ queue }) => queue.cancel(endpoint, { requestId }),
        async (request) => requests.read(request, spec),
      );
    },

    async upload(file, { fileName, signal }) {
      const namedFile = new File([file], fileName, { type: file.type || 'application/octet-stream' });
      return upload(
        async (send) =>
          createFalClient({
            credentials: key,
            fetch: async (url, init) => send(requestOf(url, init)),
          }).storage.upload(namedFile),
        { transport, errorResponseOf: requests.errorResponseOf, timeouts, signal },
      );
    },

    download: async (url, { maxBytes, signal }) =>
      download(transport, url, { maxBytes, idleMs: timeouts.downloadIdleMs, signal }),

    close: transport.close,
  };
}

function buildStatus(endpoint: string, requestId: string) {
  return async ({ queue }: FalClient) => queue.status(endpoint, { requestId, logs: true });
}

/** A request that the client passed to fetch. Its body is JSON, or a Blob of an upload. */
function requestOf(url: string | URL | Request, init: RequestInit | undefined): HttpRequest {
  const body = init?.body;
  return {
    url: url instanceof Request ? url.url : String(url),
    method: init?.method ?? 'GET',
    headers: Object.fromEntries(new Headers(init?.headers)),
    body: typeof body === 'string' || body instanceof Blob ? body : undefined,
  };
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : 'fal closed the stream before the end';
}
