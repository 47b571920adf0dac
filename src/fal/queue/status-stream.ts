/** Reads fal's status stream over one connection. */
import { createParser } from 'eventsource-parser';
import { parseJson } from '../http/json.ts';
import type { Transport } from '../http/transport.ts';
import { ResponseTimeout } from '../http/transport-errors.ts';
import type { RequestStatus } from '../port.ts';
import { readStatus } from './status.ts';

/** Enough for a server that sends all log lines in every event; fal sends the new ones only. */
const maxEventCharacters = 4 * 1024 * 1024;

/** fal rejected the stream or sent something unreadable. The caller polls the status instead. */
export class StreamFailed extends Error {
  override name = 'StreamFailed';
}

/**
 * Yields statuses until fal closes the stream, which may be before COMPLETED. Throws StreamFailed when fal rejects the
 * stream or sends something else, NoResponse when the connection breaks or no byte arrives for `silenceMs` (fal sends a
 * comment every 15 s), and the signal's reason when it aborts. Closes the connection in every case.
 */
export async function* readStream(
  transport: Transport,
  call: { url: string; headers: Record<string, string> },
  { openMs, silenceMs, signal }: { openMs: number; silenceMs: number; signal: AbortSignal },
): AsyncGenerator<RequestStatus, void, void> {
  const { response, abort, release } = await transport.open(
    { ...call, method: 'GET' },
    { name: 'stream', openMs, signal },
  );
  let failure: unknown;
  try {
    if (response.status !== 200) throw new StreamFailed(`fal answered ${response.status}`);
    if (!response.body || !response.headers.get('content-type')?.includes('text/event-stream')) {
      throw new StreamFailed('fal answered with something other than an event stream');
    }
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const events: string[] = [];
    const parser = createParser({ maxBufferSize: maxEventCharacters, onEvent: ({ data }) => events.push(data) });
    const next = async () => {
      // Runs only during a read, so that a slow consumer does not count as silence.
      const timer = setTimeout(() => abort(new ResponseTimeout(`fal was silent for ${silenceMs} ms`)), silenceMs);
      return reader.read().finally(() => clearTimeout(timer));
    };
    for (let chunk = await next(); !chunk.done; chunk = await next()) {
      parser.feed(decoder.decode(chunk.value, { stream: true }));
      for (const data of events.splice(0)) yield statusOf(data);
    }
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    release(failure);
  }
}

function statusOf(data: string): RequestStatus {
  let body: unknown;
  try {
    body = parseJson(data);
  } catch {
    throw new StreamFailed('fal sent an event that is not JSON');
  }
  const status = readStatus(body);
  if (!status) throw new StreamFailed('fal sent an event that is not a status');
  return status;
}
