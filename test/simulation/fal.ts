/** fal as the scheduler drives it: what it does of itself, and what each call of the core meets. */
import { randomUUID } from 'node:crypto';
import { FalError, RequestCancelled, SubmitUnconfirmed } from '../../src/fal/errors.ts';
import type { Fal, RequestStatus } from '../../src/fal/port.ts';
import { follow } from '../../src/fal/queue/follow.ts';

/** What becomes of one submit. */
export type SubmitFate = 'ACCEPTED' | 'ANSWER_LOST' | 'NEVER_SENT' | 'THROTTLED' | 'UNREACHABLE';

export type JobPlan = {
  submits: SubmitFate[];
  /** How often its webhook comes. */
  webhooks: number;
  /** Whether its webhook waits for the end, or comes as soon as fal has the request. */
  earlyWebhook: boolean;
  /** Reads of its status, its stream and its result that fail before one does not. */
  faults: number;
  /** Events after which its stream breaks, each time. */
  streamBreaks: number;
  /** Whether fal stops when it is asked to. */
  stops: boolean;
};

export type SimulatedRequest = {
  id: string;
  /** The prompt: which job's it is. */
  tag: string;
  plan: JobPlan;
  token: string | undefined;
  state: 'IN_QUEUE' | 'IN_PROGRESS' | 'COMPLETED';
  cancelAsked: boolean;
  cancelled: boolean;
};

/** Waits for the scheduler's word. */
export type Gate = (label: string) => Promise<void>;

export class SimulatedFal {
  readonly requests: SimulatedRequest[] = [];
  readonly #plans: Map<string, JobPlan>;
  readonly #gate: Gate;
  readonly #deliver: (request: SimulatedRequest) => Promise<void>;

  constructor(options: {
    plans: Map<string, JobPlan>;
    gate: Gate;
    deliver: (request: SimulatedRequest) => Promise<void>;
  }) {
    this.#plans = options.plans;
    this.#gate = options.gate;
    this.#deliver = options.deliver;
  }

  /** fal as one process sees it, whose waiting is that process's own. */
  portFor(gate: Gate): Fal {
    const find = (id: string) => {
      const found = this.requests.find((request) => request.id === id);
      if (found === undefined) throw new FalError('RESULT_LOST', 'no such request');
      return found;
    };
    const orAborted = (signal: AbortSignal | undefined, label: string) =>
      new Promise<void>((resolve, reject) => {
        const stop = () => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
        if (signal?.aborted) return stop();
        signal?.addEventListener('abort', stop, { once: true });
        void gate(label).then(resolve);
      });
    const faulty = ({ plan }: SimulatedRequest) => {
      if (plan.faults <= 0) return;
      plan.faults -= 1;
      throw new FalError('FAL_UNAVAILABLE', 'fal is unavailable', { transient: true });
    };
    const statusOf = (request: SimulatedRequest): RequestStatus => ({
      status: request.state,
      queuePosition: request.state === 'IN_QUEUE' ? 1 : undefined,
      logs:
        request.state === 'IN_QUEUE'
          ? []
          : [{ message: `at work on ${request.tag}`, timestamp: '2026-01-01T00:00:00.000Z', level: undefined }],
      error: request.cancelled ? { type: 'client_cancelled', message: 'cancelled' } : undefined,
    });
    const { requests } = this;
    return {
      submit: async (_endpoint, input, { webhookUrl } = {}) => {
        await gate('submit sent');
        const tag = String(input['prompt']);
        const plan = this.#plans.get(tag);
        if (plan === undefined) throw new Error(`Nobody planned ${tag}.`);
        const fate = plan.submits.shift() ?? 'ACCEPTED';
        if (fate === 'THROTTLED')
          throw new FalError('RATE_LIMITED', 'too many', { transient: true, retryAfterMs: 3_000 });
        if (fate === 'UNREACHABLE') throw new FalError('FAL_UNAVAILABLE', 'refused', { transient: true });
        if (fate === 'NEVER_SENT') throw new SubmitUnconfirmed('lost on its way');
        const id = randomUUID();
        const none = { state: 'IN_QUEUE', cancelAsked: false, cancelled: false } as const;
        const request: SimulatedRequest = { id, tag, plan, token: webhookUrl, ...none };
        requests.push(request);
        void this.#live(request);
        await gate('submit answered');
        if (fate === 'ANSWER_LOST') throw new SubmitUnconfirmed('its answer was lost');
        const urls = { statusUrl: 'http://fal/s', responseUrl: 'http://fal/r', cancelUrl: 'http://fal/c' };
        return { requestId: id, urls, queuePosition: 1 };
      },
      status: async (_endpoint, id) => {
        await gate('status');
        return statusOf(find(id));
      },
      follow: (_endpoint, id, signal) =>
        follow(
          {
            poll: async (signal) => {
              await orAborted(signal, 'poll');
              const request = find(id);
              faulty(request);
              return statusOf(request);
            },
            async *stream(signal) {
              for (let events = 0; ; events += 1) {
                await orAborted(signal, 'stream');
                const request = find(id);
                if (events >= request.plan.streamBreaks && request.plan.streamBreaks > 0) throw new Error('broken');
                yield statusOf(request);
                if (request.state === 'COMPLETED') return;
              }
            },
            onStreamLost: () => undefined,
            sleep: async (_ms, signal) => orAborted(signal, 'pause').catch(() => undefined),
            random: () => 0,
          },
          signal,
        ),
      result: async (_endpoint, id, signal) => {
        await orAborted(signal, 'result');
        const request = find(id);
        if (request.cancelled) throw new RequestCancelled('cancelled');
        faulty(request);
        return { request: request.id, tag: request.tag };
      },
      cancel: async (_endpoint, id) => {
        await gate('cancel');
        const request = find(id);
        if (request.state === 'COMPLETED') return 'ALREADY_COMPLETED';
        request.cancelAsked = true;
        return 'REQUESTED';
      },
      upload: () => Promise.reject(new Error('Nothing is put up here.')),
      download: () => Promise.reject(new Error('Nothing is fetched here.')),
    };
  }

  /** What fal does with a request, in its own time. */
  async #live(request: SimulatedRequest): Promise<void> {
    const { plan } = request;
    const webhooks = Array.from({ length: plan.webhooks }, (_, n) => n);
    const tell = async () => {
      await Promise.all(webhooks.map(async () => this.#deliver(request)));
    };
    if (plan.earlyWebhook) void tell();
    await this.#gate('fal begins');
    if (!(request.cancelAsked && plan.stops)) {
      request.state = 'IN_PROGRESS';
      await this.#gate('fal ends');
    }
    request.cancelled = request.cancelAsked && plan.stops;
    request.state = 'COMPLETED';
    if (!plan.earlyWebhook) await tell();
  }
}
