/**
 * The trace of a job: spans from the mutation that starts it, through its steps and their calls to fal, to the first
 * event that a subscriber gets. Without an exporter (watch/tracing.ts) all of it is OpenTelemetry's no-op. A span carries
 * names and numbers, never what a user wrote: not a prompt, not the message of an error.
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

/** A W3C trace context, as a header and as a job's row have it: `00-<trace id>-<span id>-<flags>`. */
export type Traceparent = string;

const jobKey = createContextKey('job');

/** Asked for at each span: a tracer that was got once keeps to the exporter of its time. */
const tracer = () => trace.getTracer('likeness');

/** The active span, for a row or a header that others go on from; null when there is none. */
export function traceparentNow(): Traceparent | null {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ?? null;
}

/** Runs `work` in a span that a caller's may be above. It fails with `work`, and when `problemOf` names a problem. */
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
 * Runs `work` in a span of the job's trace, whatever is active. A job that was started without one has none: then `work`
 * runs in no span at all.
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

/** A span of a job's trace that is over by now. */
export function recordJobSpan(
  name: string,
  job: { id: string; traceparent: Traceparent | null },
  startedAt: Date,
  attributes: Attributes,
): void {
  const parent = contextOf(job.traceparent);
  if (trace.getSpanContext(parent) === undefined) return;
  const about = { 'likeness.job.id': job.id, ...attributes };
  tracer().startSpan(name, { kind: SpanKind.PRODUCER, startTime: startedAt, attributes: about }, parent).end();
}

/** A span beneath the active one; none where none is active. Returns how to end it, once: an `error.type` makes it a failure. */
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

/** Runs what is nobody's in particular, such as a look for steps, in no span, whoever it was that woke it. */
export const outOfTrace = <T>(work: () => T): T => context.with(ROOT_CONTEXT, work);

/** What a log line is joined to: the active span, and the job whose step it is in. */
export function idsOfLine(): { trace_id?: string; span_id?: string; jobId?: string } {
  const active = context.active();
  const span = trace.getSpanContext(active);
  const jobId = active.getValue(jobKey);
  return {
    ...(span !== undefined && { trace_id: span.traceId, span_id: span.spanId }),
    ...(typeof jobId === 'string' && { jobId }),
  };
}

/** With that span above, or none. */
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

/** By its kind alone: a message may quote what a user wrote. */
function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
