/**
 * What Prometheus is told. The rooms that something happens in know nothing of it: they are handed a hook each. No label
 * is anybody's to make up: not an owner, not a prompt, not a path.
 */
import { Counter, Gauge, type GaugeConfiguration, Histogram, Registry } from 'prom-client';
import type { App } from '../app/app.ts';
import { endpoints, isEndpointId } from '../fal/endpoints.ts';
import { type CallMetrics, callNames, callOutcomes } from '../fal/http/metrics-hooks.ts';
import type { StepMetrics } from '../job/runner/worker.ts';
import { unfinishedStatuses } from '../job/state.ts';
import { limitNames, type ServerMetrics } from '../server/http/metrics-hooks.ts';
import { cachedRead } from './cached-read.ts';
import { countJobs, sumLedger } from './database-counts.ts';
import { processRegistry } from './process-metrics.ts';

/** Several gauges of one read, and a scrape by two scrapers. */
const readForMs = 1_000;
/** Prometheus gives a scrape ten seconds. What the database does not say by then is left out of it. */
const readWithinMs = 3_000;

/** In seconds: from an answer that was there already to one that a client gives up on. */
const quick = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** A step that follows fal lets go after 25 seconds; one that copies results may take longer. */
const long = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 300];

const methods = new Set(['GET', 'HEAD', 'POST', 'OPTIONS']);

export type Metrics = {
  onStep: (seen: StepMetrics) => void;
  onCall: (seen: CallMetrics) => void;
  onHanded: (lagMs: number) => void;
  server: ServerMetrics;
  /** Counts what is open at a scrape, and what the database holds. To be called once. */
  read(sources: Sources): void;
  /** The whole of it, as a scraper is answered. */
  text(): Promise<{ contentType: string; text: string }>;
};

export type Sources = Pick<App, 'prisma' | 'now' | 'log'> & {
  followers: () => { jobEvents: number; jobChanged: number };
  open: () => { sockets: number; streams: number };
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];

  const steps = new Histogram({
    name: 'likeness_step_duration_seconds',
    help: 'How long steps of jobs took, by what they were for and what came of them.',
    labelNames: ['step', 'outcome'],
    buckets: long,
    registers,
  });
  const calls = new Counter({
    name: 'likeness_fal_calls_total',
    help: 'Requests to fal that are over, each attempt, by what came of them. left: this server gave it up itself.',
    labelNames: ['call', 'outcome'],
    registers,
  });
  const callSeconds = new Histogram({
    name: 'likeness_fal_call_duration_seconds',
    help: 'How long requests to fal took, to their last byte.',
    labelNames: ['call'],
    buckets: long,
    registers,
  });
  const lag = new Histogram({
    name: 'likeness_event_lag_seconds',
    help: 'From an event being written to its being handed to those who wait for it; who ask the same are told as one.',
    buckets: quick,
    registers,
  });
  const requests = new Histogram({
    name: 'likeness_http_request_duration_seconds',
    help: 'How long HTTP requests took, by route; of event streams, until they ended.',
    labelNames: ['route', 'method', 'status'],
    buckets: quick,
    registers,
  });
  const refused = new Counter({
    name: 'likeness_refused_total',
    help: 'What was refused because a caller had too much of it.',
    labelNames: ['limit'],
    registers,
  });
  // A series that is there from the start: the first of its kind is a rise, and not only a beginning.
  for (const call of callNames) for (const outcome of callOutcomes) calls.inc({ call, outcome }, 0);
  for (const limit of limitNames) refused.inc({ limit }, 0);

  return {
    onStep: ({ step, outcome, ms }) => steps.observe({ step, outcome }, ms / 1000),
    onCall({ call, outcome, ms }) {
      calls.inc({ call, outcome });
      callSeconds.observe({ call }, ms / 1000);
    },
    onHanded: (lagMs) => lag.observe(lagMs / 1000),
    server: {
      onRequest: ({ route, method, status, ms }) =>
        requests.observe(
          { route, method: methods.has(method) ? method : 'other', status: `${Math.floor(status / 100)}xx` },
          ms / 1000,
        ),
      onRefused: (limit) => refused.inc({ limit }),
    },
    read: (sources) => {
      gaugeWhatIsOpen(registers, sources);
      gaugeTheDatabase(registers, sources);
    },
    async text() {
      const texts = await Promise.all([registry.metrics(), processRegistry().metrics()]);
      return { contentType: registry.contentType, text: texts.join('') };
    },
  };
}

/** One that is read when it is scraped. */
const gauge = <Label extends string>(config: GaugeConfiguration<Label>) => new Gauge(config);

function gaugeWhatIsOpen(registers: Registry[], { open, followers }: Sources): void {
  gauge({
    name: 'likeness_sockets',
    help: 'WebSockets that are open.',
    registers,
    collect() {
      this.set(open().sockets);
    },
  });
  gauge({
    name: 'likeness_event_streams',
    help: 'Event streams over HTTP that are open.',
    registers,
    collect() {
      this.set(open().streams);
    },
  });
  gauge({
    name: 'likeness_subscribers',
    help: 'Subscriptions that are live, over whatever they come.',
    labelNames: ['subscription'],
    registers,
    collect() {
      for (const [subscription, count] of Object.entries(followers())) this.set({ subscription }, count);
    },
  });
}

/** What cannot be read is left out: a gauge that stands still would be a lie. */
function gaugeTheDatabase(registers: Registry[], { prisma, now, log }: Sources): void {
  const failures = new Counter({
    name: 'likeness_database_read_failures_total',
    help: 'Reads for a scrape that failed or took too long; what they are for is missing in it.',
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
    help: 'Jobs that have not ended, over all processes.',
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
    help: 'How long the oldest of them has waited; 0 when none waits.',
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
    help: 'Credits in the accounts of all owners: available, reserved for jobs under way, and earned so far.',
    labelNames: ['account'],
    registers,
    async collect() {
      const sums = await ledger();
      this.reset();
      for (const [account, credits] of Object.entries(sums ?? {})) this.set({ account }, credits);
    },
  });
}
