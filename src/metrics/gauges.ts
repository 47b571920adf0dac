/** The gauges: connections that are open in this process, and jobs and credits in the database. Each scrape reads them anew. */
import { Counter, Gauge, type GaugeConfiguration, type Registry } from 'prom-client';
import type { App } from '../app/app.ts';
import { endpoints, isEndpointId } from '../fal/endpoints.ts';
import { unfinishedStatuses } from '../job/state.ts';
import { cachedRead } from './cached-read.ts';
import { countJobs, sumLedger } from './database-counts.ts';

/** Several gauges share one read, and so do two scrapers at once. */
const readForMs = 1_000;
/** Prometheus waits ten seconds for a scrape. A gauge that the database has not answered by then is missing from it. */
const readWithinMs = 3_000;

export type GaugeSources = Pick<App, 'prisma' | 'now' | 'log'> & {
  subscribers: () => { jobEvents: number; jobChanged: number };
  open: () => { sockets: number; streams: number };
};

/** Creates a gauge and adds it to its registers. */
const gauge = <Label extends string>(config: GaugeConfiguration<Label>) => new Gauge(config);

export function registerGauges(registers: Registry[], sources: GaugeSources): void {
  registerConnectionGauges(registers, sources);
  registerDatabaseGauges(registers, sources);
}

function registerConnectionGauges(registers: Registry[], { open, subscribers }: GaugeSources): void {
  gauge({
    name: 'likeness_sockets',
    help: 'Open WebSockets.',
    registers,
    collect() {
      this.set(open().sockets);
    },
  });
  gauge({
    name: 'likeness_event_streams',
    help: 'Open event streams over HTTP.',
    registers,
    collect() {
      this.set(open().streams);
    },
  });
  gauge({
    name: 'likeness_subscribers',
    help: 'Live subscriptions, over either transport.',
    labelNames: ['subscription'],
    registers,
    collect() {
      for (const [subscription, count] of Object.entries(subscribers())) this.set({ subscription }, count);
    },
  });
}

/** A gauge that cannot be read is left out of the scrape: its last value would look like a current one. */
function registerDatabaseGauges(registers: Registry[], { prisma, now, log }: GaugeSources): void {
  const failures = new Counter({
    name: 'likeness_database_read_failures_total',
    help: 'Database reads for a scrape that failed or took too long. What they measure is missing from that scrape.',
    labelNames: ['read'],
    registers,
  });
  const reading = <T>(read: string, statement: () => Promise<T>) => {
    failures.inc({ read }, 0);
    const onFailed = (error: unknown) => {
      failures.inc({ read });
      log.warn({ err: error, read }, 'the database could not be read for a scrape');
    };
    return cachedRead(statement, { forMs: readForMs, withinMs: readWithinMs, onFailed });
  };
  const jobs = reading('jobs', () => countJobs(prisma));
  const ledger = reading('ledger', () => sumLedger(prisma));

  gauge({
    name: 'likeness_jobs',
    help: 'Unfinished jobs, over all processes.',
    labelNames: ['kind', 'endpoint', 'status'],
    registers,
    async collect() {
      const counts = await jobs();
      this.reset();
      if (counts === undefined) return;
      for (const [endpoint, { kind }] of Object.entries(endpoints)) {
        for (const status of unfinishedStatuses) this.set({ kind, endpoint, status }, 0);
      }
      for (const { kind, endpoint, status, count } of counts) {
        if (isEndpointId(endpoint)) this.set({ kind, endpoint, status }, count);
      }
    },
  });
  gauge({
    name: 'likeness_jobs_waiting',
    help: 'Jobs that wait here until fal has room for them, over all processes.',
    registers,
    async collect() {
      const counts = await jobs();
      this.remove();
      if (counts !== undefined) this.set(counts.reduce((sum, { waiting }) => sum + waiting, 0));
    },
  });
  gauge({
    name: 'likeness_jobs_waiting_oldest_seconds',
    help: 'How long the oldest waiting job has waited; 0 when none waits.',
    registers,
    async collect() {
      const counts = await jobs();
      this.remove();
      if (counts === undefined) return;
      const oldest = Math.min(...counts.map(({ oldestAt }) => oldestAt?.getTime() ?? Number.POSITIVE_INFINITY));
      this.set(Math.max(0, now().getTime() - oldest) / 1000);
    },
  });
  gauge({
    name: 'likeness_ledger_credits',
    help: 'Credits in all accounts: available, reserved for running jobs, and earned so far.',
    labelNames: ['account'],
    registers,
    async collect() {
      const sums = await ledger();
      this.reset();
      for (const [account, credits] of Object.entries(sums ?? {})) this.set({ account }, credits);
    },
  });
}
