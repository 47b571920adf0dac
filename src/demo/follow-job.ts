/** Follows a job's events to its end and shows them: its state, its progress and fal's log lines. */
import type { Api } from './api.ts';
import { DemoError } from './errors.ts';
import type { JobEvent } from './operations.ts';

export type JobView = {
  /** Replaces the state that is shown. */
  state: (text: string) => void;
  /** Shows the progress; `percent` goes from 0 to 100. */
  progress: (percent: number, text: string) => void;
  /** Shows a line that fal logged. */
  log: (line: string) => void;
};

/** Resolves when the job has succeeded. Throws DemoError if it fails or is cancelled. */
export async function followJob(api: Api, jobId: string, view: JobView): Promise<void> {
  let last: JobEvent | undefined;
  await api.follow(jobId, (event) => {
    last = event;
    showEvent(event, view);
  });
  if (last?.__typename === 'JobFailed') throw new DemoError(`${last.error.code}: ${last.error.message}`);
  if (last?.__typename !== 'JobSucceeded') throw new DemoError('The job was cancelled.');
}

function showEvent(event: JobEvent, { state, progress, log }: JobView): void {
  switch (event.__typename) {
    case 'JobQueued':
      return state('waiting to be sent to fal');
    case 'JobSubmitted':
      return state('accepted by fal');
    case 'JobQueueMoved':
      return state(event.position === 0 ? 'next in the queue' : `in the queue, ${event.position} ahead of it`);
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
      return state('storing the results');
    case 'JobSucceeded':
    case 'JobFailed':
    case 'JobCancelled':
      return undefined;
  }
}

const barLength = 24;

/** A bar such as `██████░░░░`. */
export function progressBar(percent: number): string {
  const full = Math.round((percent / 100) * barLength);
  return '█'.repeat(full) + '░'.repeat(barLength - full);
}
