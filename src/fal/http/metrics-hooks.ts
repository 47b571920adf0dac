/** Metrics and trace spans of the calls to fal: which call, how long it took, how it ended. */
import { startSpan } from '../../tracing/trace.ts';
import { NoResponse, ResponseTimeout } from './transport-errors.ts';

export const callNames = ['submit', 'status', 'stream', 'result', 'cancel', 'upload', 'download'] as const;
export type CallName = (typeof callNames)[number];

/** `network`: no complete response; `timeout`: none in time; `left`: this server aborted the call. */
export const callOutcomes = ['ok', '4xx', '429', '5xx', 'network', 'timeout', 'left'] as const;
export type CallOutcome = (typeof callOutcomes)[number];

/** One attempt; a repeated call counts again. A stream and a download last until their last byte. */
export type CallMetrics = { call: CallName; outcome: CallOutcome; ms: number };

/** fal's HTTP status, or the error in place of a response. */
export type CallEnd = { status: number } | { error: unknown };

/** Called when a call begins; the returned function reports its end, and only its first call counts. */
export type OnCallStart = (call: CallName) => (end: CallEnd) => void;

/** Opens a span for each call, as a child of the current span, and calls `onCall` at the end of the call. */
export const instrumentCalls =
  (onCall: (metrics: CallMetrics) => void): OnCallStart =>
  (call) => {
    const startedAt = performance.now();
    const endSpan = startSpan(`fal ${call}`, 'CLIENT', { 'peer.service': 'fal' });
    let hasEnded = false;
    return (end) => {
      if (hasEnded) return;
      hasEnded = true;
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
  if (end.error instanceof ResponseTimeout) return 'timeout';
  return end.error instanceof NoResponse && !end.error.isClosing ? 'network' : 'left';
}
