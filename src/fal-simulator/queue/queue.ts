/** fal's queue: takes requests, tells where each stands, cancels. Nothing ticks: see timeline.ts. */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { type EndpointId, endpoints } from '../../fal/endpoints.ts';
import type { Clock } from '../clock.ts';
import { openSemaphore } from '../semaphore.ts';
import type { Storage } from '../storage/files.ts';
import type { Store } from '../storage/store.ts';
import type { Trainer } from '../training/trainer.ts';
import { inputFailure } from './input.ts';
import { findAvatar } from './model.ts';
import { commandedFailure } from './prompt-commands.ts';
import type { Failure, FalRequest, RequestOutcome, Speed } from './request.ts';
import { nextChangeAt, type Progress, progressAt } from './timeline.ts';
import { planOf } from './timings.ts';

export interface Queue {
  submit(
    endpoint: EndpointId,
    input: unknown,
    more?: { webhookUrl?: string | undefined; outcome?: RequestOutcome | undefined },
  ): Promise<FalRequest>;
  /** How many requests to that endpoint are IN_QUEUE. */
  waiting(endpoint: EndpointId): number;
  /** A request of that app (`fal-ai/flux-pro`: what its endpoint's id begins with), as it is now. */
  find(app: string, id: string): FalRequest | undefined;
  /** The request, and where it stands `at` now. A training is COMPLETED only when its archive has been read. */
  look(id: string): Promise<{ request: FalRequest; progress: Progress; at: number }>;
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
  store: Store;
  storage: Storage;
  clock: Clock;
  speed: Speed;
  train: Trainer;
  /** Aborts when the simulator closes: what is not read by then is read after the next start. */
  signal: AbortSignal;
};

export function openQueue({ store, storage, clock, speed, train, signal: closing }: QueueParts): Queue {
  const changes = new EventEmitter().setMaxListeners(0);
  const gate = openSemaphore(2);
  const trainings = new Map<string, Promise<void>>();
  for (const request of store.requests()) if (isUntrained(request)) void startTraining(request);

  return {
    async submit(endpoint, input, { webhookUrl, outcome } = {}) {
      const found = findAvatar(endpoint, input, store, storage);
      const failure = inputFailure(endpoint, input) ?? found?.failure ?? commandedFailure(input);
      const request: FalRequest = {
        id: randomUUID(),
        endpoint,
        input,
        acceptedAt: clock.now(),
        speed,
        ...(webhookUrl !== undefined && { webhookUrl }),
        ...(failure !== undefined && { failure }),
        ...(found?.avatar !== undefined && { avatar: found.avatar }),
        ...outcome,
      };
      await store.putRequest(request);
      if (isUntrained(request)) void startTraining(request);
      return request;
    },

    waiting(endpoint) {
      const now = clock.now();
      const isWaiting = (request: FalRequest) =>
        request.endpoint === endpoint && progressAt(request, planOf(request), now).status === 'IN_QUEUE';
      return [...store.requests()].filter(isWaiting).length;
    },

    find(app, id) {
      const request = store.request(id);
      return request?.endpoint.split('/').slice(0, 2).join('/') === app ? request : undefined;
    },

    async look(id) {
      const request = current(id);
      const now = clock.now();
      const progress = progressAt(request, planOf(request), now);
      if (progress.status !== 'COMPLETED' || progress.cancelled || !isUntrained(request))
        return { request, progress, at: now };
      await startTraining(request);
      const trained = current(id);
      const at = clock.now();
      return { request: trained, progress: progressAt(trained, planOf(trained), at), at };
    },

    async cancel({ id }) {
      const request = current(id);
      const now = clock.now();
      const progress = progressAt(request, planOf(request), now);
      if (progress.status === 'COMPLETED') return 'ALREADY_COMPLETED';
      if (request.cancelledAt === undefined) await update(id, { cancelledAt: now });
      return progress.status === 'IN_QUEUE' ? 'OK' : 'CANCELLATION_REQUESTED';
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
    const request = store.request(id);
    if (request === undefined) throw new Error(`request ${id} is forgotten`);
    return request;
  }

  async function update(id: string, change: Partial<FalRequest>): Promise<void> {
    await store.putRequest({ ...current(id), ...change });
    changes.emit(id);
  }

  /** Reads the archive, once at a time; never rejects. */
  function startTraining(request: FalRequest): Promise<void> {
    const { id } = request;
    const started = trainings.get(id);
    if (started !== undefined) return started;
    const training = gate(() => train(request))
      .catch(() => (closing.aborted ? undefined : { failure: internalError }))
      .then((trained) => trained && update(id, { trained: { ...trained, at: clock.now() } }))
      .catch(() => undefined)
      .finally(() => trainings.delete(id));
    trainings.set(id, training);
    return training;
  }
}

const internalError: Failure = {
  status: 500,
  detail: [{ loc: ['body'], msg: 'Internal server error', type: 'internal_server_error' }],
};

/** Whether its archive is still to be read. */
function isUntrained(request: FalRequest): boolean {
  const isTraining = endpoints[request.endpoint].kind === 'TRAINING';
  return isTraining && request.failure === undefined && request.trained === undefined;
}
