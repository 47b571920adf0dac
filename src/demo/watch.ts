/** A job as people follow it: where it is, how far it is, and what fal says. */
import type { Api } from './api.ts';
import type { JobEvent } from './operations.ts';
import { Trouble } from './trouble.ts';

export type View = {
  /** Where the job is now, instead of where it was. */
  state: (text: string) => void;
  /** How far it is; `percent` goes from 0 to 100. */
  progress: (percent: number, text: string) => void;
  /** A line that fal logged. */
  log: (line: string) => void;
};

/** Follows a job to its end. Throws Trouble unless it succeeds. */
export async function watchJob(api: Api, jobId: string, view: View): Promise<void> {
  let last: JobEvent | undefined;
  await api.follow(jobId, (event) => {
    last = event;
    showEvent(event, view);
  });
  if (last?.__typename === 'JobFailed') throw new Trouble(`${last.error.code}: ${last.error.message}`);
  if (last?.__typename !== 'JobSucceeded') throw new Trouble('It was cancelled.');
}

function showEvent(event: JobEvent, { state, progress, log }: View): void {
  switch (event.__typename) {
    case 'JobQueued':
      return state('waits to be sent');
    case 'JobSubmitted':
      return state('accepted by fal');
    case 'JobQueueMoved':
      return state(event.position === 0 ? 'next in the queue' : `in the queue, ${event.position} before it`);
    case 'JobStarted':
      return state('fal is working');
    case 'JobLogged':
      return log(event.message);
    case 'JobProgressed': {
      const { percent, step, totalSteps, source } = event.progress;
      if (percent === null) return undefined;
      const steps = step === null || totalSteps === null ? '' : `, step ${step} of ${totalSteps}`;
      return progress(percent, `${source === 'ESTIMATED' ? 'about ' : ''}${percent} %${steps}`);
    }
    case 'JobFinalizing':
      return state('the results are being kept');
    case 'JobSucceeded':
    case 'JobFailed':
    case 'JobCancelled':
      return undefined;
  }
}

const cells = 24;

/** As `██████░░░░`. */
export function bar(percent: number): string {
  const full = Math.round((percent / 100) * cells);
  return '█'.repeat(full) + '░'.repeat(cells - full);
}
