/** How long each request takes, by the simulator's speed; a little different for each, and always the same for one. */
import { endpoints } from '../../fal/endpoints.ts';
import { randomFrom } from '../random.ts';
import { commandedStatus } from './prompt-commands.ts';
import type { FalRequest } from './request.ts';
import type { Plan } from './timeline.ts';

const second = 1000;
const day = 24 * 60 * 60 * second;

/** Milliseconds at speed `real`: what a step takes of the endpoints that count steps, else the whole request. */
const real = {
  'fal-ai/flux-lora': { stepMs: second },
  'fal-ai/flux-pro/finetuned': { stepMs: second },
  'fal-ai/flux-pro/v1.1-ultra-finetuned': { wholeMs: 70 * second },
  // 2,500 steps and 300 iterations, fal's defaults, are ten minutes each.
  'fal-ai/flux-lora-portrait-trainer': { stepMs: 240 },
  'fal-ai/flux-pro-trainer': { stepMs: 2 * second },
} as const;

export function planOf(request: FalRequest): Plan {
  const plan = freePlanOf(request);
  const held = request.held ?? commandedStatus(request);
  if (held === 'IN_QUEUE') return { ...plan, queueMs: day, queuePosition: Math.max(plan.queuePosition, 1) };
  return held === 'IN_PROGRESS' ? { ...plan, runMs: day } : plan;
}

/** The plan of a request that nothing holds back. */
export function freePlanOf(request: FalRequest): Plan {
  const random = randomFrom('plan', request.id);
  const queuePosition = random.int(0, 3);
  const jitter = random.between(0.9, 1.1);
  const isTraining = endpoints[request.endpoint].kind === 'TRAINING';
  if (request.speed === 'instant') return { queueMs: 0, runMs: 0, queuePosition, refuseMs: 0, stopMs: 0 };
  if (request.speed === 'quick') {
    const runMs = (isTraining ? 4.1 : 1.3) * second * jitter;
    return cutShort({ queueMs: 0.7 * second * jitter, runMs, queuePosition, refuseMs: 300, stopMs: 250 });
  }
  const pace = real[request.endpoint];
  const runMs = ('stepMs' in pace ? pace.stepMs * (stepsOf(request) ?? 1) : pace.wholeMs) * jitter;
  const queueMs = (1 + 2 * queuePosition) * second * jitter;
  return cutShort({ queueMs, runMs, queuePosition, refuseMs: 2 * second, stopMs: second });

  /** An input that is refused at once does not run for long. */
  function cutShort(plan: Plan): Plan {
    return request.failure === undefined ? plan : { ...plan, runMs: Math.min(plan.runMs, plan.refuseMs) };
  }
}

/** The steps that its progress bar counts; undefined for an endpoint without any, or an input that is refused. */
export function stepsOf(request: FalRequest): number | undefined {
  const parsed = endpoints[request.endpoint].input.safeParse(request.input);
  if (!parsed.success) return undefined;
  const input = parsed.data as { steps?: number; iterations?: number; num_inference_steps?: number };
  return input.steps ?? input.iterations ?? input.num_inference_steps;
}
