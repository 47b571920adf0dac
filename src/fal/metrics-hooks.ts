/** What is seen of each request to fal from outside: what it was for, how long it took, and what came of it. */
import { startSpan } from '../tracing/trace.ts';
import type { CallEnd, CallName, See } from './calls.ts';
import { Late, Unanswered } from './transport.ts';

/** `network` is no whole answer, `timeout` none in time, and `left` a call that this server gave up itself. */
export const callOutcomes = ['ok', '4xx', '429', '5xx', 'network', 'timeout', 'left'] as const;
export type CallOutcome = (typeof callOutcomes)[number];

/** One attempt: what is asked again is seen again. A stream and a download are seen until their last byte. */
export type CallSeen = { call: CallName; outcome: CallOutcome; ms: number };

/** Each call is a span beneath the step that makes it, and is told of when it is over. */
export const seeCalls =
  (onCall: (seen: CallSeen) => void): See =>
  (call) => {
    const startedAt = performance.now();
    const endSpan = startSpan(`fal ${call}`, 'CLIENT', { 'peer.service': 'fal' });
    let isOver = false;
    return (end) => {
      if (isOver) return;
      isOver = true;
      const outcome = outcomeOf(end);
      endSpan({
        ...('status' in end && { 'http.response.status_code': end.status }),
        ...(outcome !== 'ok' && outcome !== 'left' && { 'error.type': outcome }),
      });
      onCall({ call, outcome, ms: performance.now() - startedAt });
    };
  };

function outcomeOf(end: CallEnd): CallOutcome {
  if ('status' in end) {
    if (end.status === 429) return '429';
    if (end.status < 400) return 'ok';
    return end.status < 500 ? '4xx' : '5xx';
  }
  if (end.error instanceof Late) return 'timeout';
  return end.error instanceof Unanswered && !end.error.isOwnDoing ? 'network' : 'left';
}
