/** What a step needs. app/ creates it, and the worker passes it to every step. */
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
  /** The URL of the webhook for a token; undefined when fal cannot reach this server. */
  webhookUrl: ((token: string) => string) | undefined;
  /** How long one step follows fal before the job's next step takes over. */
  followMs: number;
  timers: Timers;
  /** At least 0, under 1. */
  random: () => number;
};

/** The endpoint of a job. Throws if fal/endpoints.ts does not list it. */
export function endpointOf(job: Job): EndpointId {
  if (isEndpointId(job.endpoint)) return job.endpoint;
  throw new Error(`Job ${job.id} names the endpoint ${job.endpoint}, which fal/endpoints.ts does not list.`);
}

/** fal's id of the job's request. Throws if the job has none. */
export function requestIdOf(job: Job): string {
  if (job.requestId !== null) return job.requestId;
  throw new Error(`Job ${job.id} is ${job.status} but has no request id.`);
}
