/** How long a request takes at the simulator's speed. The jitter follows from the request's id. */
import { endpoints } from '../../fal/endpoints.ts';
import { randomFrom } from '../random.ts';
import { commandedStatus } from './prompt-commands.ts';
import type { FalRequest } from './request.ts';

/** The durations of a request that is neither cancelled nor rejected early. */
export type Timings = {
  queueMs: number;
  runMs: number;
  /** The number of requests before it when it was accepted. */
  queuePosition: number;
  /** From the end of reading a bad archive to the failure. */
  failureMs: number;
  /** From the cancellation of a running request to its end. */
  stopMs: number;
};

const second = 1000;
const day = 24 * 60 * 60 * second;

/** How long a run takes at speed `real`: by its steps where it counts some. */
function runMsOf(request: FalRequest): number {
  const { kind, steps } = endpoints[request.endpoint];
  if (steps === undefined) return 70 * second;
  // A second a step of a drawing; ten minutes for as many steps of a training as fal takes when none are given.
  const stepMs = kind === 'GENERATION' ? second : (10 * 60 * second) / steps.default;
  return stepMs * (stepsOf(request) ?? 1);
}

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
  const runMs = runMsOf(request) * jitter;
  const queueMs = (1 + 2 * queuePosition) * second * jitter;
  return cutShort({ queueMs, runMs, queuePosition, failureMs: 2 * second, stopMs: second });

  /** A request with invalid input fails early. */
  function cutShort(timings: Timings): Timings {
    return request.failure === undefined ? timings : { ...timings, runMs: Math.min(timings.runMs, timings.failureMs) };
  }
}

/** The steps of its progress bar; undefined for an endpoint without steps or an invalid input. */
export function stepsOf(request: FalRequest): number | undefined {
  const { input, steps } = endpoints[request.endpoint];
  const parsed = input.safeParse(request.input);
  return parsed.success && steps !== undefined ? Number(parsed.data[steps.fal]) : undefined;
}
