/** One connection to fal's status stream. */
import { createParser } from 'eventsource-parser';
import { parseJson } from './json.ts';
import type { RequestStatus } from './port.ts';
import { readStatus } from './status.ts';
import { Late, type Transport } from './transport.ts';

/** An event holds what is new since the last; a server that sends all logs each time fits as well. */
const maxEventCharacters = 4 * 1024 * 1024;

/** Why the stream is of no more use: refused, silent, broken off, not readable. The status is then read by polling. */
export class StreamBroken extends Error {
  override name = 'StreamBroken';
}

/**
 * The statuses as they come, until fal closes the stream: that may be before COMPLETED. Throws StreamBroken when fal
 * refuses it or sends what is no status, Unanswered when the connection breaks or no byte comes for `silenceMs` (fal
 * sends a comment every 15 s), and the signal's reason when that aborts. The connection is closed in every case.
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
    if (response.status !== 200) throw new StreamBroken(`fal answered ${response.status}`);
    if (!response.body || !response.headers.get('content-type')?.includes('text/event-stream')) {
      throw new StreamBroken('fal answered with something other than an event stream');
    }
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const events: string[] = [];
    const parser = createParser({ maxBufferSize: maxEventCharacters, onEvent: ({ data }) => events.push(data) });
    const next = async () => {
      // Only while a read waits: a consumer that takes its time is no silence of fal's.
      const watchdog = setTimeout(() => abort(new Late(`fal was silent for ${silenceMs} ms`)), silenceMs);
      return reader.read().finally(() => clearTimeout(watchdog));
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
    throw new StreamBroken('fal sent an event that is not JSON');
  }
  const status = readStatus(body);
  if (!status) throw new StreamBroken('fal sent an event that is no status');
  return status;
}
