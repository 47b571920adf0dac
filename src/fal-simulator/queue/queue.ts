/** fal's queue: accepts requests, reads their progress, cancels them. It runs no timers: see timeline.ts. */
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
import { timingsOf } from './timings.ts';

export interface Queue {
  submit(
    endpoint: EndpointId,
    input: unknown,
    options?: { webhookUrl?: string | undefined; outcome?: RequestOutcome | undefined },
  ): Promise<FalRequest>;
  /** How many requests to that endpoint are IN_QUEUE. */
  waiting(endpoint: EndpointId): number;
  /** The request, if it belongs to the app (`fal-ai/flux-pro`, the beginning of its endpoint's id). */
  find(app: string, id: string): FalRequest | undefined;
  /** The request and its progress `at` the current time. A training waits for its archive before it is COMPLETED. */
  read(id: string): Promise<{ request: FalRequest; progress: Progress; at: number }>;
  cancel(request: FalRequest): Promise<'OK' | 'CANCELLATION_REQUESTED' | 'ALREADY_COMPLETED'>;
  /**
   * Resolves when the request's status or queue position has changed since the time `since`, when it is cancelled, or after
   * `maxMs`; at once if the change is already in the past.
   */
  waitForChange(id: string, since: number, maxMs: number, signal: AbortSignal): Promise<void>;
  /** Resolves when no archive is being read. */
  idle(): Promise<void>;
}

export type QueueParts = {
  store: Store;
  storage: Storage;
  clock: Clock;
  speed: Speed;
  train: Trainer;
  /** Aborts when the simulator closes. The next start reads the archives that are left. */
  signal: AbortSignal;
};

export function openQueue({ store, storage, clock, speed, train, signal: closing }: QueueParts): Queue {
  const changes = new EventEmitter().setMaxListeners(0);
  const semaphore = openSemaphore(2);
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
        request.endpoint === endpoint && progressAt(request, timingsOf(request), now).status === 'IN_QUEUE';
      return [...store.requests()].filter(isWaiting).length;
    },

    find(app, id) {
      const request = store.request(id);
      return request?.endpoint.split('/').slice(0, 2).join('/') === app ? request : undefined;
    },

    async read(id) {
      const request = current(id);
      const now = clock.now();
      const progress = progressAt(request, timingsOf(request), now);
      if (progress.status !== 'COMPLETED' || progress.cancelled || !isUntrained(request))
        return { request, progress, at: now };
      await startTraining(request);
      const trained = current(id);
      const at = clock.now();
      return { request: trained, progress: progressAt(trained, timingsOf(trained), at), at };
    },

    async cancel({ id }) {
      const request = current(id);
      const now = clock.now();
      const progress = progressAt(request, timingsOf(request), now);
      if (progress.status === 'COMPLETED') return 'ALREADY_COMPLETED';
      if (request.cancelledAt === undefined) await update(id, { cancelledAt: now });
      return progress.status === 'IN_QUEUE' ? 'OK' : 'CANCELLATION_REQUESTED';
    },

    async waitForChange(id, since, maxMs, signal) {
      const request = current(id);
      const due = nextChangeAt(request, timingsOf(request), since) ?? Infinity;
      const changed = new AbortController();
      const onChange = () => changed.abort();
      changes.once(id, onChange);
      await clock.wait(Math.min(due - clock.now(), maxMs), AbortSignal.any([signal, changed.signal]));
      changes.off(id, onChange);
    },

    async idle() {
      await Promise.all(trainings.values());
    },
  };

  function current(id: string): FalRequest {
    const request = store.request(id);
    if (request === undefined) throw new Error(`request ${id} has expired`);
    return request;
  }

  async function update(id: string, change: Partial<FalRequest>): Promise<void> {
    await store.putRequest({ ...current(id), ...change });
    changes.emit(id);
  }

  /** Reads the archive. Concurrent calls for a request share one read. Never rejects. */
  function startTraining(request: FalRequest): Promise<void> {
    const { id } = request;
    const started = trainings.get(id);
    if (started !== undefined) return started;
    const training = semaphore(() => train(request))
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

/** Whether its archive has not been read yet. */
function isUntrained(request: FalRequest): boolean {
  const isTraining = endpoints[request.endpoint].kind === 'TRAINING';
  return isTraining && request.failure === undefined && request.trained === undefined;
}
