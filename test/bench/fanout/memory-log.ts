/**
 * The event logs of many jobs in memory, behind the few database queries that a subscription makes. So the measurement
 * covers the path from the nudge to the socket and no database. All jobs belong to one owner.
 */
import type { JobEvent } from '../../../prisma/generated/client/client.ts';
import { localViewer } from '../../../src/access/session.ts';
import type { Database } from '../../../src/database/client.ts';

export type LoggedJob = {
  id: string;
  kind: 'GENERATION';
  ownerId: string;
  status: 'IN_PROGRESS';
  lastSequence: number;
};

type Query = { where: { id: string | { in: string[] }; jobId: string; sequence: { gt: number } }; take: number };

export class MemoryLog {
  readonly jobs: LoggedJob[];
  readonly #jobs: Map<string, LoggedJob>;
  readonly #logs = new Map<string, JobEvent[]>();

  constructor(count: number) {
    this.jobs = Array.from({ length: count }, (_, n) => ({
      id: `00000000-0000-4000-9000-${String(n).padStart(12, '0')}`,
      kind: 'GENERATION' as const,
      ownerId: localViewer.id,
      status: 'IN_PROGRESS' as const,
      lastSequence: 0,
    }));
    this.#jobs = new Map(this.jobs.map((job) => [job.id, job]));
  }

  /** Appends a log line of fal. Its text holds the time of this call: microseconds of the monotonic clock, in 15 digits. */
  append(job: LoggedJob): JobEvent {
    job.lastSequence += 1;
    const row: JobEvent = {
      jobId: job.id,
      sequence: job.lastSequence,
      type: 'LOGGED',
      payload: {
        message: `sent at ${timestamp()} of the machine's clock, while an image is drawn`,
        loggedAt: '2026-01-01T00:00:00.000Z',
        level: 'INFO',
      },
      logKey: null,
      occurredAt: new Date(0),
    };
    const log = this.#logs.get(job.id) ?? [];
    log.push(row);
    if (log.length > 2_000) log.splice(0, 1_000);
    this.#logs.set(job.id, log);
    return row;
  }

  /** The queries of a job subscription. Everything else is missing. */
  get database(): Database {
    const job = {
      findFirst: async ({ where }: Query) => this.#jobs.get(where.id as string) ?? null,
      findUnique: async ({ where }: Query) => this.#jobs.get(where.id as string) ?? null,
      findMany: async ({ where }: Query) =>
        typeof where.id === 'object' ? where.id.in.map((id) => this.#jobs.get(id)) : this.jobs,
    };
    const jobEvent = {
      findMany: async ({ where, take }: Query) => {
        const log = this.#logs.get(where.jobId) ?? [];
        const first = where.sequence.gt + 1 - (log[0]?.sequence ?? 1);
        return log.slice(first, first + take);
      },
    };
    return { job, jobEvent } as unknown as Database;
  }
}

export const globalIdOf = ({ id }: LoggedJob) => Buffer.from(`Generation:${id}`).toString('base64');

export const nowUs = () => Number(process.hrtime.bigint() / 1_000n);

const timestamp = () => String(nowUs()).padStart(15, '0');
