/** Follows a request to its end: a first read, then fal's status stream, and polling whenever the stream fails. */

import { FalError } from '../errors.ts';
import { backoffMs, type Sleep } from '../http/backoff.ts';
import type { RequestStatus } from '../port.ts';

export type StatusSources = {
  /** Reads the status once, without retries. Throws FalError, or the signal's reason. */
  poll: (signal: AbortSignal) => Promise<RequestStatus>;
  /** Ends, or throws any error, when the stream is over. */
  stream: (signal: AbortSignal) => AsyncIterable<RequestStatus>;
  /** Called when polling takes over, with the error of the stream; undefined when fal closed it too early. */
  onStreamLost: (reason: unknown) => void;
  sleep: Sleep;
  random: () => number;
};

const pollInterval = { firstMs: 1000, maxMs: 3000 };
const failureBackoff = { firstMs: 1000, maxMs: 15_000 };
const maxRetryAfterMs = 60_000;
/** Polls before the next attempt to stream: about twenty seconds. */
const pollsBeforeStream = 8;
/** 404s in a row until the request counts as lost. Giving up a live request would waste its cost. */
const maxNotFound = 3;

/**
 * Reads the status once first, because the stream sends new log lines only: so no earlier line is missed, and a finished
 * request ends even when every stream hangs. Polling and the stream each suffice when the other keeps failing. Ends after
 * COMPLETED, or without an error when the signal aborts. Throws FalError for an error that is not transient.
 */
export async function* follow(sources: StatusSources, signal: AbortSignal): AsyncGenerator<RequestStatus, void, void> {
  try {
    yield* followOrThrow(sources, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function* followOrThrow(sources: StatusSources, signal: AbortSignal): AsyncGenerator<RequestStatus, void, void> {
  const read = statusReader(sources, signal);
  let status = await read();
  if (status !== undefined) yield status;
  if (status?.status === 'COMPLETED') return;
  for (;;) {
    // Also when the read failed: the stream may still work.
    if (yield* streamed(sources, signal)) return;
    for (let reads = 1; reads <= pollsBeforeStream; reads += 1) {
      // A failed read has already waited.
      if (status !== undefined) await sources.sleep(backoffMs(reads, pollInterval, sources.random), signal);
      status = await read();
      if (status !== undefined) yield status;
      if (status?.status === 'COMPLETED') return;
    }
  }
}

/** Yields the stream's statuses. Returns whether COMPLETED was one of them. */
async function* streamed(sources: StatusSources, signal: AbortSignal): AsyncGenerator<RequestStatus, boolean, void> {
  let reason: unknown;
  try {
    for await (const status of sources.stream(signal)) {
      yield status;
      if (status.status === 'COMPLETED') return true;
    }
  } catch (error) {
    reason = error;
  }
  signal.throwIfAborted();
  sources.onStreamLost(reason);
  return false;
}

/** Reads the status with each call; undefined, after a pause, for a read that failed and may succeed later. */
function statusReader(sources: StatusSources, signal: AbortSignal): () => Promise<RequestStatus | undefined> {
  let failures = 0;
  let notFound = 0;
  return async () => {
    signal.throwIfAborted();
    try {
      const status = await sources.poll(signal);
      failures = 0;
      notFound = 0;
      return status;
    } catch (error) {
      if (!(error instanceof FalError)) throw error;
      failures += 1;
      notFound = error.code === 'RESULT_LOST' ? notFound + 1 : 0;
      const final = !error.transient && (notFound === 0 || notFound >= maxNotFound);
      if (final) throw error;
      const retryAfterMs = Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs);
      await sources.sleep(Math.max(retryAfterMs, backoffMs(failures, failureBackoff, sources.random)), signal);
      return undefined;
    }
  };
}
