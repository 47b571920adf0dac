/** How a request is watched to its end: a first read, then fal's stream, and polling whenever that fails. */
import { backoffMs, type Sleep } from './backoff.ts';
import { FalError } from './errors.ts';
import type { RequestStatus } from './port.ts';

export type Ways = {
  /** One read of the status, not repeated by itself. Throws FalError, or the signal's reason. */
  poll: (signal: AbortSignal) => Promise<RequestStatus>;
  /** Ends, or throws whatever it likes, when the stream can give no more. */
  stream: (signal: AbortSignal) => AsyncIterable<RequestStatus>;
  /** Called when the stream is given up for a while, with what it threw; undefined when it was closed too early. */
  onStreamLost: (reason: unknown) => void;
  sleep: Sleep;
  random: () => number;
};

const betweenPolls = { firstMs: 1000, mostMs: 3000 };
const afterFailure = { firstMs: 1000, mostMs: 15_000 };
const mostRetryAfterMs = 60_000;
/** Reads before the stream is tried again: about twenty seconds. */
const pollsBeforeStream = 8;
/** A 404 is believed when it is said this often in a row: given up, the request is paid for nothing. */
const timesLost = 3;

/**
 * Begins with a read, because the stream tells only what is new: so no log line from before is missed, and a request
 * that is done says so even when every stream hangs. When reads fail, the stream is what is left, and the other way round. Ends after COMPLETED, or without an error when the signal aborts.
 * Throws FalError when reading is refused for good.
 */
export async function* follow(ways: Ways, signal: AbortSignal): AsyncGenerator<RequestStatus, void, void> {
  try {
    yield* watch(ways, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function* watch(ways: Ways, signal: AbortSignal): AsyncGenerator<RequestStatus, void, void> {
  const read = reader(ways, signal);
  let status = await read();
  if (status !== undefined) yield status;
  if (status?.status === 'COMPLETED') return;
  for (;;) {
    // Also when nothing could be read: each way has to do alone.
    if (yield* streamed(ways, signal)) return;
    for (let reads = 1; reads <= pollsBeforeStream; reads += 1) {
      // One that failed has had its pause.
      if (status !== undefined) await ways.sleep(backoffMs(reads, betweenPolls, ways.random), signal);
      status = await read();
      if (status !== undefined) yield status;
      if (status?.status === 'COMPLETED') return;
    }
  }
}

/** Whether the stream told the end. */
async function* streamed(ways: Ways, signal: AbortSignal): AsyncGenerator<RequestStatus, boolean, void> {
  let reason: unknown;
  try {
    for await (const status of ways.stream(signal)) {
      yield status;
      if (status.status === 'COMPLETED') return true;
    }
  } catch (error) {
    reason = error;
  }
  signal.throwIfAborted();
  ways.onStreamLost(reason);
  return false;
}

/** One read after another; undefined, after a pause, for one that failed and may succeed later. */
function reader(ways: Ways, signal: AbortSignal): () => Promise<RequestStatus | undefined> {
  let failures = 0;
  let lost = 0;
  return async () => {
    signal.throwIfAborted();
    try {
      const status = await ways.poll(signal);
      failures = 0;
      lost = 0;
      return status;
    } catch (error) {
      if (!(error instanceof FalError)) throw error;
      failures += 1;
      lost = error.code === 'RESULT_LOST' ? lost + 1 : 0;
      const final = !error.transient && (lost === 0 || lost >= timesLost);
      if (final) throw error;
      const askedMs = Math.min(error.retryAfterMs ?? 0, mostRetryAfterMs);
      await ways.sleep(Math.max(askedMs, backoffMs(failures, afterFailure, ways.random)), signal);
      return undefined;
    }
  };
}
