/** fal's queue: takes requests, tells where each stands, cancels. Nothing ticks: see timeline.ts. */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { type EndpointId, endpoints } from '../fal/endpoints.ts';
import type { Clock } from './clock.ts';
import { openGate } from './gate.ts';
import { hookedRefusal } from './hooks.ts';
import { refusedInput } from './input.ts';
import type { Ledger } from './ledger.ts';
import { findAvatar } from './model.ts';
import { planOf } from './plan.ts';
import type { FalRequest, Fate, Refusal, Speed } from './request.ts';
import type { Storage } from './storage.ts';
import { type Moment, momentAt, nextChangeAt } from './timeline.ts';
import type { Trainer } from './trainer.ts';

export interface Queue {
  submit(
    endpoint: EndpointId,
    input: unknown,
    more?: { webhookUrl?: string | undefined; fate?: Fate | undefined },
  ): Promise<FalRequest>;
  /** How many requests to that endpoint are IN_QUEUE. */
  waiting(endpoint: EndpointId): number;
  /** A request of that app (`fal-ai/flux-pro`: what its endpoint's id begins with), as it is now. */
  find(app: string, id: string): FalRequest | undefined;
  /** The request, and where it stands `at` now. A training is COMPLETED only when its archive has been read. */
  look(id: string): Promise<{ request: FalRequest; moment: Moment; at: number }>;
  cancel(request: FalRequest): Promise<'OK' | 'CANCELLATION_REQUESTED' | 'ALREADY_COMPLETED'>;
  /**
   * Ends when the request is another one than at `since`, when it was looked at: it changed its status or position, or
   * has been cancelled; at once when that was before this call. Or else when `atMostMs` is over.
   */
  change(id: string, since: number, atMostMs: number, signal: AbortSignal): Promise<void>;
  /** Ends when nothing is being read or written any more. */
  idle(): Promise<void>;
}

export type QueueParts = {
  ledger: Ledger;
  storage: Storage;
  clock: Clock;
  speed: Speed;
  train: Trainer;
  /** Aborts when the simulator closes: what is not read by then is read after the next start. */
  signal: AbortSignal;
};

export function openQueue({ ledger, storage, clock, speed, train, signal: closing }: QueueParts): Queue {
  const changes = new EventEmitter().setMaxListeners(0);
  const gate = openGate(2);
  const trainings = new Map<string, Promise<void>>();
  for (const request of ledger.requests()) if (isUntrained(request)) void startTraining(request);

  return {
    async submit(endpoint, input, { webhookUrl, fate } = {}) {
      const found = findAvatar(endpoint, input, ledger, storage);
      const refusal = refusedInput(endpoint, input) ?? found?.refusal ?? hookedRefusal(input);
      const request: FalRequest = {
        id: randomUUID(),
        endpoint,
        input,
        acceptedAt: clock.now(),
        speed,
        ...(webhookUrl !== undefined && { webhookUrl }),
        ...(refusal !== undefined && { refusal }),
        ...(found?.avatar !== undefined && { avatar: found.avatar }),
        ...fate,
      };
      await ledger.putRequest(request);
      if (isUntrained(request)) void startTraining(request);
      return request;
    },

    waiting(endpoint) {
      const now = clock.now();
      const isWaiting = (request: FalRequest) =>
        request.endpoint === endpoint && momentAt(request, planOf(request), now).status === 'IN_QUEUE';
      return [...ledger.requests()].filter(isWaiting).length;
    },

    find(app, id) {
      const request = ledger.request(id);
      return request?.endpoint.split('/').slice(0, 2).join('/') === app ? request : undefined;
    },

    async look(id) {
      const request = current(id);
      const now = clock.now();
      const moment = momentAt(request, planOf(request), now);
      if (moment.status !== 'COMPLETED' || moment.cancelled || !isUntrained(request))
        return { request, moment, at: now };
      await startTraining(request);
      const trained = current(id);
      const at = clock.now();
      return { request: trained, moment: momentAt(trained, planOf(trained), at), at };
    },

    async cancel({ id }) {
      const request = current(id);
      const now = clock.now();
      const moment = momentAt(request, planOf(request), now);
      if (moment.status === 'COMPLETED') return 'ALREADY_COMPLETED';
      if (request.cancelledAt === undefined) await update(id, { cancelledAt: now });
      return moment.status === 'IN_QUEUE' ? 'OK' : 'CANCELLATION_REQUESTED';
    },

    async change(id, since, atMostMs, signal) {
      const request = current(id);
      const due = nextChangeAt(request, planOf(request), since) ?? Infinity;
      const woken = new AbortController();
      const wake = () => woken.abort();
      changes.once(id, wake);
      await clock.wait(Math.min(due - clock.now(), atMostMs), AbortSignal.any([signal, woken.signal]));
      changes.off(id, wake);
    },

    async idle() {
      await Promise.all(trainings.values());
    },
  };

  function current(id: string): FalRequest {
    const request = ledger.request(id);
    if (request === undefined) throw new Error(`request ${id} is forgotten`);
    return request;
  }

  async function update(id: string, change: Partial<FalRequest>): Promise<void> {
    await ledger.putRequest({ ...current(id), ...change });
    changes.emit(id);
  }

  /** Reads the archive, once at a time; never rejects. */
  function startTraining(request: FalRequest): Promise<void> {
    const { id } = request;
    const started = trainings.get(id);
    if (started !== undefined) return started;
    const training = gate(() => train(request))
      .catch(() => (closing.aborted ? undefined : { refusal: internalError }))
      .then((trained) => trained && update(id, { trained: { ...trained, at: clock.now() } }))
      .catch(() => undefined)
      .finally(() => trainings.delete(id));
    trainings.set(id, training);
    return training;
  }
}

const internalError: Refusal = {
  status: 500,
  detail: [{ loc: ['body'], msg: 'Internal server error', type: 'internal_server_error' }],
};

/** Whether its archive is still to be read. */
function isUntrained(request: FalRequest): boolean {
  const isTraining = endpoints[request.endpoint].kind === 'TRAINING';
  return isTraining && request.refusal === undefined && request.trained === undefined;
}
