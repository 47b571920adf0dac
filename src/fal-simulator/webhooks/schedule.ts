/**
 * fal's webhooks: a signed POST when a request is done, repeated with exponential back-off until the receiver responds with
 * 2xx, at most 10 times. A redirect ends the attempts, as at fal. Unlike fal, it posts to loopback addresses.
 */
import type { Clock } from '../clock.ts';
import type { Faults } from '../faults/active-plan.ts';
import type { Queue } from '../queue/queue.ts';
import type { FalRequest } from '../queue/request.ts';
import { endOf, progressAt } from '../queue/timeline.ts';
import { timingsOf } from '../queue/timings.ts';
import type { Store } from '../storage/store.ts';
import { defaultDelivery, webhookBodyOf } from './delivery.ts';
import type { SendWebhook } from './send.ts';

const attempts = 10;
/** The pause before the second attempt; each later pause is twice as long. */
const firstPauseMs = { quick: 500, real: 15_000, instant: 50 };
const checkMs = 1000;

export interface Webhooks {
  /** Sends the request's webhook, if it has one, when the request is done. */
  schedule(request: FalRequest): void;
  /** Resolves after the first attempt at that request's webhook, or when there will be none. */
  attempted(requestId: string): Promise<void>;
  idle(): Promise<void>;
}

export type WebhookParts = {
  send: SendWebhook;
  queue: Queue;
  store: Store;
  clock: Clock;
  faults: Faults;
  baseUrl: string;
  signal: AbortSignal;
  log: (line: object) => void;
};

/** Schedules every webhook that is not settled yet. Stops when the signal aborts. */
export function openWebhooks(parts: WebhookParts): Webhooks {
  const { send, queue, store, clock, faults, baseUrl, signal, log } = parts;
  const running = new Set<Promise<void>>();
  const firstAttempts = new Map<string, Promise<void>>();
  for (const request of store.requests()) schedule(request);
  return {
    schedule,
    attempted: async (requestId) => await firstAttempts.get(requestId),
    async idle() {
      await Promise.all(running);
    },
  };

  function schedule({ id, webhookUrl, webhookSettledAt }: FalRequest): void {
    if (webhookUrl === undefined || webhookSettledAt !== undefined) return;
    const firstAttempt = new Promise<void>((onAttempted) => {
      const delivery = deliver(id, webhookUrl, onAttempted)
        .catch((error: unknown) => log({ webhook: String(error) }))
        .finally(() => {
          onAttempted();
          running.delete(delivery);
          firstAttempts.delete(id);
        });
      running.add(delivery);
    });
    firstAttempts.set(id, firstAttempt);
  }

  async function deliver(id: string, url: string, onAttempted: () => void): Promise<void> {
    const request = await waitUntilDue(id);
    if (request === undefined) return;
    await attempt(request, url, onAttempted);
    const latest = store.request(id);
    if (latest === undefined || signal.aborted) return;
    await store.putRequest({ ...latest, webhookSettledAt: clock.now() });
  }

  async function attempt(request: FalRequest, url: string, onAttempted: () => void): Promise<void> {
    const { id: requestId, endpoint, speed } = request;
    const webhook = webhookBodyOf(request, progressAt(request, timingsOf(request), clock.now()), baseUrl);
    if (webhook === undefined) return;
    for (let attempt = 1; attempt <= attempts && !signal.aborted; attempt += 1) {
      const active = faults.match({ kind: 'webhook', endpoint, requestId });
      const delivery = active.reduceRight((delivery, { alter }) => alter(delivery), defaultDelivery(url, webhook));
      const isSettled = await send(delivery, { requestId, attempt, faults: active.map(({ name }) => name) });
      onAttempted();
      if (isSettled) return;
      await clock.wait(firstPauseMs[speed] * 2 ** (attempt - 1), signal);
    }
  }

  /** Waits until the webhook is due; undefined when the simulator closes or the request expires first. */
  async function waitUntilDue(id: string): Promise<FalRequest | undefined> {
    while (!signal.aborted) {
      const request = store.request(id);
      if (request === undefined || request.webhookEarly) return request;
      const end = endOf(request, timingsOf(request)).at;
      const now = clock.now();
      if (now < end) await queue.waitForChange(id, now, Math.max(end - now, 1), signal);
      else if ((await queue.read(id)).progress.status === 'COMPLETED') return store.request(id);
      else await clock.wait(checkMs, signal);
    }
    return undefined;
  }
}
