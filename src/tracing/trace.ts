/**
 * The trace of a job: spans from the mutation that starts it, through its steps and their calls to fal, to the first
 * event that a subscriber receives. Without an exporter (exporter.ts) OpenTelemetry makes all of it no-ops. A span carries
 * names and numbers, never a prompt nor an error message, which may quote the user.
 */
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** A W3C trace context, as in the traceparent header and in a job's row: `00-<trace id>-<span id>-<flags>`. */
export type Traceparent = string;

const jobKey = createContextKey('job');

/** Looked up for each span: a tracer keeps the exporter that was set when it was looked up. */
const tracer = () => trace.getTracer('likeness');

/** The active span, to be stored or sent so that another process can continue its trace; null when there is none. */
export function activeTraceparent(): Traceparent | null {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ?? null;
}

/** Runs `work` in a span under the caller's, if there is one. The span is an error if `work` throws or `problemOf` names a problem. */
export async function inServerSpan<T>(
  name: string,
  traceparent: Traceparent | null,
  attributes: Attributes,
  work: () => Promise<T>,
  problemOf: (result: T) => string | undefined = () => undefined,
): Promise<T> {
  const parent = contextOf(traceparent);
  const span = tracer().startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
  return await run(span, parent, work, problemOf);
}

/**
 * Runs `work` in a span of the job's trace, whatever span is active. A job that was started without a trace has none:
 * `work` then runs without a span.
 */
export async function inJobSpan<T>(
  name: string,
  job: { id: string; traceparent: Traceparent | null },
  attributes: Attributes,
  work: () => Promise<T>,
  problemOf: (result: T) => string | undefined = () => undefined,
): Promise<T> {
  const parent = contextOf(job.traceparent).setValue(jobKey, job.id);
  if (trace.getSpanContext(parent) === undefined) return await context.with(parent, work);
  const options = { kind: SpanKind.CONSUMER, attributes: { 'likeness.job.id': job.id, ...attributes } };
  return await run(tracer().startSpan(name, options, parent), parent, work, problemOf);
}

/** Records a span of the job's trace that ends now. */
export function recordJobSpan(
  name: string,
  job: { id: string; traceparent: Traceparent | null },
  startedAt: Date,
  attributes: Attributes,
): void {
  const parent = contextOf(job.traceparent);
  if (trace.getSpanContext(parent) === undefined) return;
  const allAttributes = { 'likeness.job.id': job.id, ...attributes };
  tracer().startSpan(name, { kind: SpanKind.PRODUCER, startTime: startedAt, attributes: allAttributes }, parent).end();
}

/**
 * Starts a span under the active one; without an active one, does nothing. The returned function ends it, once, and adds
 * attributes: with `error.type` the span is an error.
 */
export function startSpan(
  name: string,
  kind: keyof typeof SpanKind,
  attributes: Attributes,
): (end: Attributes) => void {
  if (trace.getActiveSpan() === undefined) return () => undefined;
  const span = tracer().startSpan(name, { kind: SpanKind[kind], attributes });
  return (end) => {
    span.setAttributes(end);
    if ('error.type' in end) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
}

/** Runs work that belongs to no trace, such as polling for steps, outside the active span. */
export const outOfTrace = <T>(work: () => T): T => context.with(ROOT_CONTEXT, work);

/** The ids that join a log line to the active span and to the job whose step is running. */
export function traceFields(): { trace_id?: string; span_id?: string; jobId?: string } {
  const active = context.active();
  const span = trace.getSpanContext(active);
  const jobId = active.getValue(jobKey);
  return {
    ...(span !== undefined && { trace_id: span.traceId, span_id: span.spanId }),
    ...(typeof jobId === 'string' && { jobId }),
  };
}

/** A context with that span as the parent, or with none. */
function contextOf(traceparent: Traceparent | null): Context {
  return traceparent === null ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
}

async function run<T>(
  span: Span,
  parent: Context,
  work: () => Promise<T>,
  problemOf: (result: T) => string | undefined,
): Promise<T> {
  try {
    const result = await context.with(trace.setSpan(parent, span), work);
    const problem = problemOf(result);
    if (problem !== undefined) fail(span, problem);
    return result;
  } catch (error) {
    fail(span, error instanceof Error ? error.name : 'unknown');
    throw error;
  } finally {
    span.end();
  }
}

/** Records the type of the error only: its message may quote the user. */
function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
