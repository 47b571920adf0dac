/** What is measured: a server that tells its subscribers of jobs' events, in one of three ways. */
import type { LoggedJob } from './memory-log.ts';

export type Contender = {
  port: number;
  /** Logs so many events of the job at once, and tells whoever follows it. */
  tell(job: LoggedJob, count: number): void;
};

export type ContenderName = 'likeness' | 'plain' | 'bare';
