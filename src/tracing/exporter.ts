/**
 * Exports the spans of trace.ts to an OpenTelemetry collector, configured by the standard OTLP variables. Without a
 * collector none of the OpenTelemetry SDK is loaded. OpenTelemetry's packages themselves read the variables that are not
 * read here: headers, timeouts, certificates, sampler, batches and resource attributes.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { context, DiagLogLevel, diag, propagation, trace } from '@opentelemetry/api';
import type { Logger } from 'pino';

/** How long a stopping server waits for its last spans to be sent. */
const flushMs = 2_000;

/** From when it resolves on, spans are exported. `close` sends the remaining ones and never throws. */
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
  const service = resources.resourceFromAttributes({
    'service.name': settings.OTEL_SERVICE_NAME,
    'service.instance.id': randomUUID(),
  });
  const fromEnvironment = resources.detectResources({ detectors: [resources.envDetector] });
  const provider = new sdk.BasicTracerProvider({
    resource: resources.defaultResource().merge(fromEnvironment).merge(service),
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

/** By OTLP's rules: the traces endpoint as given, else the common endpoint with /v1/traces. Undefined: export nothing. */
export function tracesUrl(settings: TracingSettings): string | undefined {
  if (settings.OTEL_SDK_DISABLED === 'true') return undefined;
  if (settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined) return settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const base = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  return base === undefined ? undefined : `${base.replace(/\/$/, '')}/v1/traces`;
}

/** Logs OpenTelemetry's own errors, such as a collector that cannot be reached, as warnings. */
const toLog = (log: Logger) => ({
  error: (message: string) => log.warn({ from: 'opentelemetry' }, message),
  warn: (message: string) => log.warn({ from: 'opentelemetry' }, message),
  info: (message: string) => log.debug({ from: 'opentelemetry' }, message),
  debug: (message: string) => log.debug({ from: 'opentelemetry' }, message),
  verbose: (message: string) => log.trace({ from: 'opentelemetry' }, message),
});
