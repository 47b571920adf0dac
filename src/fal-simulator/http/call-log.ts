/**
 * A log of received calls and sent webhooks, for tests and /__simulator/requests. It holds no bodies, and the last 10,000
 * entries of each kind of call, so that many status reads do not displace a submit.
 */
import type { Call } from './call.ts';
import type { CallSubject, Kind } from './call-subject.ts';

export type LoggedCall = {
  /** One sequence for calls and webhooks, in the order in which they began. */
  number: number;
  at: number;
  kind: Kind;
  method: string;
  host: string;
  path: string;
  endpoint?: string;
  /** The request that it concerned or submitted, even if a fault lost the reply. */
  requestId?: string;
  /** The webhook URL of a submit. */
  webhookUrl?: string;
  /** The faults that applied to it. */
  faults?: string[];
  /** As the caller received it; 0 for no reply; null while it is pending. */
  status: number | null;
};

export type LoggedWebhook = {
  number: number;
  at: number;
  requestId: string;
  url: string;
  /** From 1. A duplicate that a fault sends has the number of its original. */
  attempt: number;
  faults?: string[];
  /** The receiver's status; 0 for no response; null while it is pending. */
  status: number | null;
  /** When the receiver responded; null while it is pending or for no response. */
  answeredAt: number | null;
};

export interface CallLog {
  /** Oldest first; not those to /__simulator. */
  calls(): LoggedCall[];
  webhooks(): LoggedWebhook[];
  /** Adds a call that begins. The caller updates the returned entry. */
  add(call: Call, subject: CallSubject, faults: readonly string[], at: number): LoggedCall;
  addWebhook(webhook: Omit<LoggedWebhook, 'number' | 'status' | 'answeredAt'>): LoggedWebhook;
}

const maxEntries = 10_000;

export function openCallLog(): CallLog {
  const calls = new Map<Kind, LoggedCall[]>();
  const webhooks: LoggedWebhook[] = [];
  let count = 0;

  return {
    calls: () => [...calls.values()].flat().sort((a, b) => a.number - b.number),
    webhooks: () => [...webhooks],
    add({ method, host, path, query }, { kind, endpoint, requestId }, faults, at) {
      const webhookUrl = query.get('fal_webhook');
      const entry: LoggedCall = {
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
      return append(ofKind, entry);
    },
    addWebhook: (webhook) => append(webhooks, { ...webhook, number: (count += 1), status: null, answeredAt: null }),
  };
}

function append<Entry>(list: Entry[], entry: Entry): Entry {
  if (list.push(entry) > maxEntries) list.shift();
  return entry;
}
