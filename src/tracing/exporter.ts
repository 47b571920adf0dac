/**
 * Where the spans of trace.ts go: an OpenTelemetry collector, by the standard variables of OTLP. Nothing of it is loaded
 * unless a collector is named. What is not read here (headers, timeouts, certificates, sampler, batches, attributes of
 * the resource) OpenTelemetry's own packages read from the environment themselves.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { context, DiagLogLevel, diag, propagation, trace } from '@opentelemetry/api';
import type { Logger } from 'pino';

/** For the last spans, when the server stops: a collector that is gone holds nobody up. */
const flushMs = 2_000;

/** Resolves when spans are taken. `close` sends what is left. */
export async function openTracing(settings: TracingSettings, log: Logger): Promise<{ close(): Promise<void> }> {
  const url = tracesUrl(settings);
  if (url === undefined) return { close: async () => undefined };
  const [{ AsyncLocalStorageContextManager }, core, resources, sdk, exporters] = await Promise.all([
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace-base'),
    settings.OTEL_EXPORTER_OTLP_PROTOCOL === 'http/json'
      ? import('@opentelemetry/exporter-trace-otlp-http')
      : import('@opentelemetry/exporter-trace-otlp-proto'),
  ]);
  diag.setLogger(toLog(log), DiagLogLevel.WARN);
  const named = resources.resourceFromAttributes({
    'service.name': settings.OTEL_SERVICE_NAME,
    'service.instance.id': randomUUID(),
  });
  const fromEnvironment = resources.detectResources({ detectors: [resources.envDetector] });
  const provider = new sdk.BasicTracerProvider({
    resource: resources.defaultResource().merge(fromEnvironment).merge(named),
    spanProcessors: [new sdk.BatchSpanProcessor(new exporters.OTLPTraceExporter({ url }))],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return {
    async close() {
      const shutdown = provider.shutdown().catch((error: unknown) => {
        log.warn({ err: error }, 'the last spans could not be sent');
      });
      await Promise.race([shutdown, wait(flushMs, undefined, { ref: false })]);
      trace.disable();
      propagation.disable();
      context.disable();
      diag.disable();
    },
  };
}

/** The settings of the same names. */
export type TracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' | 'http/json';
  OTEL_SERVICE_NAME: string;
  OTEL_SDK_DISABLED: 'true' | 'false';
};

/** As OTLP says: the one of traces as it stands, else below the one of everything. Undefined when nothing is to be sent. */
export function tracesUrl(settings: TracingSettings): string | undefined {
  if (settings.OTEL_SDK_DISABLED === 'true') return undefined;
  if (settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined) return settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const base = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  return base === undefined ? undefined : `${base.replace(/\/$/, '')}/v1/traces`;
}

/** What OpenTelemetry has to complain of, such as a collector that cannot be reached. */
const toLog = (log: Logger) => ({
  error: (message: string) => log.warn({ from: 'opentelemetry' }, message),
  warn: (message: string) => log.warn({ from: 'opentelemetry' }, message),
  info: (message: string) => log.debug({ from: 'opentelemetry' }, message),
  debug: (message: string) => log.debug({ from: 'opentelemetry' }, message),
  verbose: (message: string) => log.trace({ from: 'opentelemetry' }, message),
});
