/**
 * The Prometheus metrics of one server. The code that is measured does not know Prometheus: it calls a hook. Labels take
 * fixed sets of values, so no owner, prompt or path can appear in one.
 */
import { Counter, Histogram, Registry } from 'prom-client';
import { type CallMetrics, callNames, callOutcomes } from '../fal/http/metrics-hooks.ts';
import type { StepMetrics } from '../job/runner/worker.ts';
import { limitNames, type ServerMetrics } from '../server/http/metrics-hooks.ts';
import { type GaugeSources, registerGauges } from './gauges.ts';
import { processRegistry } from './process-metrics.ts';

/** Histogram buckets in seconds, for what a client waits for: from an immediate answer to a timeout. */
const responseBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** For background work: a step follows fal for 25 seconds at most; one that copies results may take longer. */
const backgroundBuckets = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 300];

const methods = new Set(['GET', 'HEAD', 'POST', 'OPTIONS']);

export type Metrics = {
  onStep: (step: StepMetrics) => void;
  onCall: (call: CallMetrics) => void;
  onDelivery: (lagMs: number) => void;
  server: ServerMetrics;
  /** Adds the gauges, which are read at each scrape. Call it once. */
  registerGauges(sources: GaugeSources): void;
  /** The whole answer to a scrape. */
  text(): Promise<{ contentType: string; text: string }>;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];

  const steps = new Histogram({
    name: 'likeness_step_duration_seconds',
    help: 'How long the steps of jobs took, by step and outcome.',
    labelNames: ['step', 'outcome'],
    buckets: backgroundBuckets,
    registers,
  });
  const calls = new Counter({
    name: 'likeness_fal_calls_total',
    help: 'Requests to fal, each attempt counted, by outcome. Outcome left: this server gave the call up.',
    labelNames: ['call', 'outcome'],
    registers,
  });
  const callSeconds = new Histogram({
    name: 'likeness_fal_call_duration_seconds',
    help: 'How long requests to fal took, to their last byte.',
    labelNames: ['call'],
    buckets: backgroundBuckets,
    registers,
  });
  const lag = new Histogram({
    name: 'likeness_event_lag_seconds',
    help: 'Time from storing an event to handing it to its subscribers. Subscribers that share a delivery count once.',
    buckets: responseBuckets,
    registers,
  });
  const requests = new Histogram({
    name: 'likeness_http_request_duration_seconds',
    help: 'How long HTTP requests took, by route. An event stream counts until it ends.',
    labelNames: ['route', 'method', 'status'],
    buckets: responseBuckets,
    registers,
  });
  const refused = new Counter({
    name: 'likeness_refused_total',
    help: 'Requests and operations that a limit refused.',
    labelNames: ['limit'],
    registers,
  });
  // Every series exists from the start at 0: Prometheus sees no increase in a series that starts at 1.
  for (const call of callNames) for (const outcome of callOutcomes) calls.inc({ call, outcome }, 0);
  for (const limit of limitNames) refused.inc({ limit }, 0);

  return {
    onStep: ({ step, outcome, ms }) => steps.observe({ step, outcome }, ms / 1000),
    onCall({ call, outcome, ms }) {
      calls.inc({ call, outcome });
      callSeconds.observe({ call }, ms / 1000);
    },
    onDelivery: (lagMs) => lag.observe(lagMs / 1000),
    server: {
      onRequest: ({ route, method, status, ms }) =>
        requests.observe(
          { route, method: methods.has(method) ? method : 'other', status: `${Math.floor(status / 100)}xx` },
          ms / 1000,
        ),
      onRefused: (limit) => refused.inc({ limit }),
    },
    registerGauges: (sources) => registerGauges(registers, sources),
    async text() {
      const texts = await Promise.all([registry.metrics(), processRegistry().metrics()]);
      return { contentType: registry.contentType, text: texts.join('') };
    },
  };
}
