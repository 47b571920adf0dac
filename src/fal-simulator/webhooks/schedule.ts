/**
 * fal's webhooks: one POST when a request is done, signed, sent again with growing pauses until it is answered with 2xx.
 * A redirect is a failure for good, as at fal. Loopback is allowed, which real fal refuses.
 */
import type { Clock } from '../clock.ts';
import type { Faults } from '../faults/active-plan.ts';
import type { Queue } from '../queue/queue.ts';
import type { FalRequest } from '../queue/request.ts';
import { endOf, progressAt } from '../queue/timeline.ts';
import { planOf } from '../queue/timings.ts';
import type { Store } from '../storage/store.ts';
import { defaultDelivery, webhookBodyOf } from './delivery.ts';
import type { SendWebhook } from './send.ts';

const attempts = 10;
/** Until the second attempt; each later pause is twice as long. */
const firstPauseMs = { quick: 500, real: 15_000, instant: 50 };
const checkMs = 1000;

export interface Webhooks {
  /** Sends the request's webhook when it is done, if it wants one. */
  watch(request: FalRequest): void;
  /** Ends when that request's webhook has been tried once, or will not be. */
  tried(requestId: string): Promise<void>;
  idle(): Promise<void>;
}

export type WebhookParts = {
  post: SendWebhook;
  queue: Queue;
  store: Store;
  clock: Clock;
  faults: Faults;
  baseUrl: string;
  signal: AbortSignal;
  log: (line: object) => void;
};

/** Takes up every webhook that is still owed. They stop when the signal aborts. */
export function openWebhooks(parts: WebhookParts): Webhooks {
  const { post, queue, store, clock, faults, baseUrl, signal, log } = parts;
  const running = new Set<Promise<void>>();
  const tries = new Map<string, Promise<void>>();
  for (const request of store.requests()) watch(request);
  return {
    watch,
    tried: async (requestId) => await tries.get(requestId),
    async idle() {
      await Promise.all(running);
    },
  };

  function watch({ id, webhookUrl, webhookSettledAt }: FalRequest): void {
    if (webhookUrl === undefined || webhookSettledAt !== undefined) return;
    const tried = new Promise<void>((onTried) => {
      const delivery = deliver(id, webhookUrl, onTried)
        .catch((error: unknown) => log({ webhook: String(error) }))
        .finally(() => {
          onTried();
          running.delete(delivery);
          tries.delete(id);
        });
      running.add(delivery);
    });
    tries.set(id, tried);
  }

  async function deliver(id: string, url: string, onTried: () => void): Promise<void> {
    const request = await due(id);
    if (request === undefined) return;
    await attempt(request, url, onTried);
    const latest = store.request(id);
    if (latest === undefined || signal.aborted) return;
    await store.putRequest({ ...latest, webhookSettledAt: clock.now() });
  }

  async function attempt(request: FalRequest, url: string, onTried: () => void): Promise<void> {
    const { id: requestId, endpoint, speed } = request;
    const notice = webhookBodyOf(request, progressAt(request, planOf(request), clock.now()), baseUrl);
    if (notice === undefined) return;
    for (let attempt = 1; attempt <= attempts && !signal.aborted; attempt += 1) {
      const met = faults.meet({ kind: 'webhook', endpoint, requestId });
      const delivery = met.reduceRight((given, { alter }) => alter(given), defaultDelivery(url, notice));
      const isOver = await post(delivery, { requestId, attempt, faults: met.map(({ name }) => name) });
      onTried();
      if (isOver) return;
      await clock.wait(firstPauseMs[speed] * 2 ** (attempt - 1), signal);
    }
  }

  /** Waits until the webhook is to be sent; undefined when the simulator closes first, or forgets the request. */
  async function due(id: string): Promise<FalRequest | undefined> {
    while (!signal.aborted) {
      const request = store.request(id);
      if (request === undefined || request.webhookEarly) return request;
      const end = endOf(request, planOf(request)).at;
      const now = clock.now();
      if (now < end) await queue.change(id, now, Math.max(end - now, 1), signal);
      else if ((await queue.look(id)).progress.status === 'COMPLETED') return store.request(id);
      else await clock.wait(checkMs, signal);
    }
    return undefined;
  }
}
