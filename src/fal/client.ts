/**
 * fal over the wire, live or simulated, and the one importer of @fal-ai/client. The client writes the requests: URLs,
 * headers, uploads in parts. Each goes out through an exchange of ours and its answer is read here, because the client
 * would send a submit again on its own, pass over Retry-After, wait for ever and round long seeds.
 */
import { createFalClient, type FalClient } from '@fal-ai/client';
import { sleep as realSleep, type Sleep } from './backoff.ts';
import { type Cancelled, readCancel, readCancelRefusal } from './cancel.ts';
import { download } from './download.ts';
import { SubmitUnconfirmed } from './errors.ts';
import { type Asking, openExchange, unavailable } from './exchange.ts';
import { follow } from './follow.ts';
import { readKey, redactionOf } from './key.ts';
import { type CallSeen, seeCalls } from './metrics-hooks.ts';
import type { Fal, RequestStatus, Submitted } from './port.ts';
import { refusalOfRead, refusalOfResult, refusalOfSubmit } from './refusals.ts';
import { assertEndpointId, assertRequestId, readSubmitted, requestUrl } from './request.ts';
import { readResult } from './result.ts';
import { readStatus } from './status.ts';
import { readStream } from './stream.ts';
import { abortScope, type Call, openTransport, Unanswered } from './transport.ts';
import { upload } from './upload.ts';

export type FalOptions = {
  key: string;
  /** One origin that stands for all of fal's hosts: the simulator, or a proxy. Requests name theirs in x-fal-sim-host. */
  baseUrl?: string | undefined;
  timeouts?: Partial<FalTimeouts> | undefined;
  log?: FalLogger | undefined;
  /** Resolves when one more read of a status, or opening of its stream, may be made for whoever follows a request. */
  mayRead?: (signal: AbortSignal) => Promise<void>;
  /** Hears of every request, when it is over. */
  onCall?: ((seen: CallSeen) => void) | undefined;
  /** For tests. */
  sleep?: Sleep;
  random?: () => number;
  now?: () => number;
};

/** Of one attempt each. */
export type FalTimeouts = {
  connectMs: number;
  submitMs: number;
  /** Status, result, cancel. */
  readMs: number;
  /** To the first byte of the status stream; without one fal is asked by polling. */
  streamOpenMs: number;
  /** fal sends a comment every 15 s. */
  streamSilenceMs: number;
  /** One PUT: a whole file, or 10 MiB of a large one. */
  uploadMs: number;
  downloadIdleMs: number;
};

/** A pino logger is one. */
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
  const { baseUrl, log, mayRead = async () => undefined, onCall = () => undefined } = options;
  const { sleep = realSleep, random = Math.random, now = Date.now } = options;
  const key = readKey(options.key);
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const transport = openTransport({ baseUrl, connectMs: timeouts.connectMs, see: seeCalls(onCall) });
  const exchange = openExchange({ transport, redact: redactionOf(key), sleep, random, now });

  /** Lets the client write one request and gives what `send` made of it. A second request of the same call throws. */
  const written = async <T>(
    write: (client: FalClient) => Promise<unknown>,
    send: (call: Call) => Promise<T>,
  ): Promise<T> => {
    let sending: Promise<T> | undefined;
    const client = createFalClient({
      credentials: key,
      fetch: async (url, init) => {
        if (sending) throw new Error('The fal client sent a request again.');
        sending = send(callOf(url, init));
        await sending;
        return Response.json({});
      },
    });
    await write(client);
    if (!sending) throw new Error('The fal client sent nothing.');
    return sending;
  };

  const statusAsking = (signal: AbortSignal | undefined): Asking<RequestStatus> => ({
    name: 'status',
    timeoutMs: timeouts.readMs,
    signal,
    read: readStatus,
    refuse: refusalOfRead,
  });

  return {
    async submit(endpoint, input, { webhookUrl } = {}): Promise<Submitted> {
      assertEndpointId(endpoint);
      const asking: Asking<Submitted> = {
        name: 'submit',
        timeoutMs: timeouts.submitMs,
        fresh: true,
        read: (body) => readSubmitted(endpoint, body),
        refuse: (refusal) => refusalOfSubmit(endpoint, refusal),
      };
      try {
        return await written(
          async ({ queue }) => queue.submit<string>(endpoint, { input, ...(webhookUrl && { webhookUrl }) }),
          async (call) => exchange.ask(call, asking),
        );
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        if (!error.sent) throw unavailable(error);
        throw new SubmitUnconfirmed(`${error.message}, and it is not known whether it took the request.`);
      }
    },

    async status(endpoint, requestId, signal) {
      assertEndpointId(endpoint);
      assertRequestId(requestId);
      return written(writeStatus(endpoint, requestId), async (call) => exchange.read(call, statusAsking(signal)));
    },

    async *follow(endpoint, requestId, signal) {
      assertEndpointId(endpoint);
      assertRequestId(requestId);
      const scope = abortScope([signal, transport.closed]);
      const stream = {
        url: `${requestUrl(endpoint, requestId)}/status/stream?logs=1`,
        headers: { authorization: `Key ${key}`, accept: 'text/event-stream' },
      };
      const ways = {
        poll: async (signal: AbortSignal) => {
          await mayRead(signal);
          return await written(writeStatus(endpoint, requestId), async (call) =>
            exchange.readOnce(call, statusAsking(signal)),
          );
        },
        stream: async function* (signal: AbortSignal) {
          await mayRead(signal);
          const { streamOpenMs: openMs, streamSilenceMs: silenceMs } = timeouts;
          yield* readStream(transport, stream, { openMs, silenceMs, signal });
        },
        onStreamLost: (reason: unknown) =>
          log?.debug({ endpoint, requestId, reason: messageOf(reason) }, 'fal status stream lost, polling'),
        sleep,
        random,
      };
      try {
        yield* follow(ways, scope.signal);
      } finally {
        scope.release();
      }
    },

    async result(endpoint, requestId, signal) {
      assertEndpointId(endpoint);
      assertRequestId(requestId);
      const refuse = (refusal: Parameters<typeof refusalOfResult>[1]) => refusalOfResult(endpoint, refusal);
      return written(
        async ({ queue }) => queue.result<string>(endpoint, { requestId }),
        async (call) =>
          exchange.read(call, { name: 'result', timeoutMs: timeouts.readMs, signal, read: readResult, refuse }),
      );
    },

    async cancel(endpoint, requestId) {
      assertEndpointId(endpoint);
      assertRequestId(requestId);
      const asking: Asking<Cancelled> = {
        name: 'cancel',
        timeoutMs: timeouts.readMs,
        read: readCancel,
        readRefusal: readCancelRefusal,
        refuse: refusalOfRead,
      };
      return written(
        async ({ queue }) => queue.cancel(endpoint, { requestId }),
        async (call) => exchange.read(call, asking),
      );
    },

    async upload(file, { fileName, signal }) {
      const named = new File([file], fileName, { type: file.type || 'application/octet-stream' });
      return upload(
        async (send) =>
          createFalClient({
            credentials: key,
            fetch: async (url, init) => send(callOf(url, init)),
          }).storage.upload(named),
        { transport, refusalOf: exchange.refusalOf, timeouts, signal },
      );
    },

    download: async (url, { maxBytes, signal }) =>
      download(transport, url, { maxBytes, idleMs: timeouts.downloadIdleMs, signal }),

    close: transport.close,
  };
}

function writeStatus(endpoint: string, requestId: string) {
  return async ({ queue }: FalClient) => queue.status(endpoint, { requestId, logs: true });
}

/** What the client hands to fetch. Its bodies are JSON, or a Blob of an upload. */
function callOf(url: string | URL | Request, init: RequestInit | undefined): Call {
  const body = init?.body;
  return {
    url: url instanceof Request ? url.url : String(url),
    method: init?.method ?? 'GET',
    headers: Object.fromEntries(new Headers(init?.headers)),
    body: typeof body === 'string' || body instanceof Blob ? body : undefined,
  };
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : 'closed before the end';
}
