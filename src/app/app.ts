/** The parts of a running server. start.ts opens them, and the resolvers pass them to commands. */
import type { Logger } from 'pino';
import type { JobKind } from '../../prisma/generated/client/client.ts';
import type { Database } from '../database/client.ts';
import type { Events } from '../events/events.ts';
import type { EndpointId } from '../fal/endpoints.ts';
import type { FalLimits } from '../fal/limits.ts';
import type { StepQueue } from '../job/runner/step-queue.ts';
import type { Task } from '../job/task.ts';
import type { Metering } from '../ledger/account.ts';
import type { Limits } from '../runtime/limits.ts';
import type { FileStore } from '../storage/file-store.ts';
import type { SignedUrls } from '../storage/signed-urls.ts';

export type App = {
  prisma: Database;
  files: FileStore;
  urls: SignedUrls;
  steps: StepQueue;
  events: Events;
  tasks: Record<JobKind, Task>;
  falMode: 'LIVE' | 'SIMULATED';
  falLimits: FalLimits;
  metering: Metering;
  /** The limits of one client. */
  limits: Limits;
  /** How long fal may take for a job of an endpoint, counted from its submit. */
  deadlineMs: (endpoint: EndpointId) => number;
  log: Logger;
  now: () => Date;
};
