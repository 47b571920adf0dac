/** Who watches all jobs of an owner, over connections that break. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Caller } from './owner.ts';

/** The ids that were told, until `signal` aborts, which is also the caller's. */
export async function watchJobs(caller: Caller, signal: AbortSignal): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let turn = 0; !signal.aborted; turn += 1) {
    const over = turn % 2 === 0 ? 'WebSocket' : 'SSE';
    try {
      for await (const { data } of caller.stream<{ jobChanged: { id: string } }>(
        over,
        'subscription { jobChanged { id } }',
        {},
      )) {
        if (data != null) seen.add(data.jobChanged.id);
      }
    } catch {
      // Broken, as when the server was killed.
    }
    if (!signal.aborted) await pause(100, undefined, { signal }).catch(() => undefined);
  }
  return seen;
}
