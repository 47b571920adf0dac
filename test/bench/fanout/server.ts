/** A measured server: it sends job events to subscribers. There are three implementations. */
import type { LoggedJob } from './memory-log.ts';

export type FanoutServer = {
  port: number;
  /** Appends `count` events to the job's log at once, and sends them to the job's subscribers. */
  publish(job: LoggedJob, count: number): void;
};

export type ServerName = 'likeness' | 'plain' | 'bare';
