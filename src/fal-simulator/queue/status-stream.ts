/**
 * fal's status stream: an event for each change, with the log lines since the last event; a comment every 15 seconds; it
 * ends after COMPLETED.
 */
import type { Clock } from '../clock.ts';
import { logsAt, nextLineMs } from './model-logs.ts';
import type { Queue } from './queue.ts';
import { statusBody } from './status.ts';

const pingMs = 15_000;
/** Log lines within this time share an event. */
const minIntervalMs = 100;

export async function* statusStream(
  id: string,
  options: { queue: Queue; clock: Clock; baseUrl: string; withLogs: boolean; signal: AbortSignal },
): AsyncGenerator<string> {
  const { queue, clock, baseUrl, withLogs, signal } = options;
  const sent = new Set<string>();
  let last = '';
  let pingAt = clock.now() + pingMs;
  while (!signal.aborted) {
    const { request, progress, at } = await queue.read(id);
    const fresh = logsAt(request, progress).filter((log) => !sent.has(log.timestamp));
    for (const log of fresh) sent.add(log.timestamp);
    const head = JSON.stringify(statusBody(request, progress, baseUrl, null));
    if (head !== last || fresh.length > 0) {
      yield `data: ${JSON.stringify(statusBody(request, progress, baseUrl, withLogs ? fresh : null))}\n\n`;
      last = head;
      pingAt = clock.now() + pingMs;
    } else if (clock.now() >= pingAt) {
      yield ': ping\n\n';
      pingAt = clock.now() + pingMs;
    }
    if (progress.status === 'COMPLETED') return;
    const nextLine = progress.status === 'IN_PROGRESS' ? nextLineMs(request, progress.ranMs) : undefined;
    const lineMs = nextLine === undefined || progress.status !== 'IN_PROGRESS' ? Infinity : nextLine - progress.ranMs;
    await queue.waitForChange(id, at, Math.min(Math.max(lineMs, minIntervalMs), pingAt - clock.now()), signal);
  }
}
