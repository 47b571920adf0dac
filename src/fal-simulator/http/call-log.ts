/**
 * What the simulator saw and sent, for whoever checks from outside: each call as it came and how it was answered, each
 * attempt at a webhook. Never a body. The last 10,000 of each kind, so that many reads push no submit out.
 */
import type { Call } from './call.ts';
import type { CallSubject, Kind } from './call-subject.ts';

export type LoggedCall = {
  /** Counts calls and attempts together, in the order in which they began. */
  number: number;
  at: number;
  kind: Kind;
  method: string;
  host: string;
  path: string;
  endpoint?: string;
  /** The request that it was about, or that it made: also when its answer was lost. */
  requestId?: string;
  /** Where a submit wants its webhook. */
  webhookUrl?: string;
  /** What a fault plan did to it. */
  faults?: string[];
  /** As the caller saw it; 0 for none; null while it is not answered. */
  status: number | null;
};

export type LoggedWebhook = {
  number: number;
  at: number;
  requestId: string;
  url: string;
  /** From 1. A copy that a fault plan wanted has its original's. */
  attempt: number;
  faults?: string[];
  /** As the receiver answered; 0 when it did not; null until then. */
  status: number | null;
  /** When it answered, which a receiver that is starting takes seconds for; null for never. */
  answeredAt: number | null;
};

export interface CallLog {
  /** Oldest first; not those to /__simulator. */
  calls(): LoggedCall[];
  webhooks(): LoggedWebhook[];
  /** Notes a call that begins. What becomes of it is written into what this gives back. */
  saw(call: Call, subject: CallSubject, faults: readonly string[], at: number): LoggedCall;
  sent(webhook: Omit<LoggedWebhook, 'number' | 'status' | 'answeredAt'>): LoggedWebhook;
}

const most = 10_000;

export function openCallLog(): CallLog {
  const calls = new Map<Kind, LoggedCall[]>();
  const webhooks: LoggedWebhook[] = [];
  let count = 0;

  return {
    calls: () => [...calls.values()].flat().sort((a, b) => a.number - b.number),
    webhooks: () => [...webhooks],
    saw({ method, host, path, query }, { kind, endpoint, requestId }, faults, at) {
      const webhookUrl = query.get('fal_webhook');
      const seen: LoggedCall = {
        number: (count += 1),
        at,
        kind,
        method,
        host,
        path,
        ...(endpoint !== undefined && { endpoint }),
        ...(requestId !== undefined && { requestId }),
        ...(webhookUrl !== null && { webhookUrl }),
        ...(faults.length > 0 && { faults: [...faults] }),
        status: null,
      };
      const ofKind = calls.get(kind) ?? [];
      calls.set(kind, ofKind);
      return keep(ofKind, seen);
    },
    sent: (webhook) => keep(webhooks, { ...webhook, number: (count += 1), status: null, answeredAt: null }),
  };
}

function keep<Entry>(list: Entry[], entry: Entry): Entry {
  if (list.push(entry) > most) list.shift();
  return entry;
}
