/** What a step works with. main.ts makes it; the worker hands it to every step. */
import type { Job, JobKind } from '../../../prisma/generated/client/client.ts';
import type { App } from '../../app/app.ts';
import { type EndpointId, isEndpointId } from '../../fal/endpoints.ts';
import type { Fal } from '../../fal/port.ts';
import type { Timers } from '../../runtime/timers.ts';
import type { Task } from '../task.ts';

export type StepDependencies = Pick<
  App,
  'prisma' | 'events' | 'steps' | 'files' | 'log' | 'now' | 'falLimits' | 'deadlineMs'
> & {
  fal: Fal;
  tasks: Record<JobKind, Task>;
  /** Where fal calls when a request is done, given its token; undefined when fal cannot reach this server. */
  webhookUrl: ((token: string) => string) | undefined;
  /** How long one step follows fal before it lets go and the next one takes over. */
  followMs: number;
  timers: Timers;
  /** At least 0, under 1. */
  random: () => number;
};

/** The endpoint that a row names. Only ids of our table are ever written. */
export function endpointOf(job: Job): EndpointId {
  if (isEndpointId(job.endpoint)) return job.endpoint;
  throw new Error(`Job ${job.id} names the endpoint ${job.endpoint}, which is none of ours.`);
}

/** fal's id of a job that is at fal. */
export function requestIdOf(job: Job): string {
  if (job.requestId !== null) return job.requestId;
  throw new Error(`Job ${job.id} is ${job.status} and has no request.`);
}

/** Until when the job may take: from its first try on, and anew from when fal has it. */
export function deadlineOf({ now, deadlineMs }: StepDependencies, job: Job): Date {
  return job.deadlineAt ?? new Date(now().getTime() + deadlineMs(endpointOf(job)));
}
