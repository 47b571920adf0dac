/** How long a request takes at the simulator's speed. The jitter follows from the request's id. */
import { endpoints } from '../../fal/endpoints.ts';
import { randomFrom } from '../random.ts';
import { commandedStatus } from './prompt-commands.ts';
import type { FalRequest } from './request.ts';
import type { Timings } from './timeline.ts';

const second = 1000;
const day = 24 * 60 * 60 * second;

/** Speed `real`: milliseconds per step for endpoints with steps, else per request. */
const real = {
  'fal-ai/flux-lora': { stepMs: second },
  'fal-ai/flux-pro/finetuned': { stepMs: second },
  'fal-ai/flux-pro/v1.1-ultra-finetuned': { wholeMs: 70 * second },
  // 2,500 steps and 300 iterations, fal's defaults, are ten minutes each.
  'fal-ai/flux-lora-portrait-trainer': { stepMs: 240 },
  'fal-ai/flux-pro-trainer': { stepMs: 2 * second },
} as const;

export function timingsOf(request: FalRequest): Timings {
  const timings = undisturbedTimingsOf(request);
  const held = request.held ?? commandedStatus(request);
  if (held === 'IN_QUEUE') return { ...timings, queueMs: day, queuePosition: Math.max(timings.queuePosition, 1) };
  return held === 'IN_PROGRESS' ? { ...timings, runMs: day } : timings;
}

/** The timings without a command or fault that keeps the request in a status. */
export function undisturbedTimingsOf(request: FalRequest): Timings {
  const random = randomFrom('plan', request.id);
  const queuePosition = random.int(0, 3);
  const jitter = random.between(0.9, 1.1);
  const isTraining = endpoints[request.endpoint].kind === 'TRAINING';
  if (request.speed === 'instant') return { queueMs: 0, runMs: 0, queuePosition, failureMs: 0, stopMs: 0 };
  if (request.speed === 'quick') {
    const runMs = (isTraining ? 4.1 : 1.3) * second * jitter;
    return cutShort({ queueMs: 0.7 * second * jitter, runMs, queuePosition, failureMs: 300, stopMs: 250 });
  }
  const pace = real[request.endpoint];
  const runMs = ('stepMs' in pace ? pace.stepMs * (stepsOf(request) ?? 1) : pace.wholeMs) * jitter;
  const queueMs = (1 + 2 * queuePosition) * second * jitter;
  return cutShort({ queueMs, runMs, queuePosition, failureMs: 2 * second, stopMs: second });

  /** A request with invalid input fails early. */
  function cutShort(timings: Timings): Timings {
    return request.failure === undefined ? timings : { ...timings, runMs: Math.min(timings.runMs, timings.failureMs) };
  }
}

/** The steps of its progress bar; undefined for an endpoint without steps or an invalid input. */
export function stepsOf(request: FalRequest): number | undefined {
  const parsed = endpoints[request.endpoint].input.safeParse(request.input);
  if (!parsed.success) return undefined;
  const input = parsed.data as { steps?: number; iterations?: number; num_inference_steps?: number };
  return input.steps ?? input.iterations ?? input.num_inference_steps;
}
