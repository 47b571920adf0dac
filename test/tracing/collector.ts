/** An OpenTelemetry collector: takes spans over OTLP/HTTP as JSON, and keeps what it was sent. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { write } from '../support/said.ts';

const attributes = z
  .array(z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) }))
  .default([])
  .transform((pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]])));

const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  startTimeUnixNano: z.coerce.bigint(),
  endTimeUnixNano: z.coerce.bigint(),
  attributes,
  status: z.object({ code: z.number().optional(), message: z.string().optional() }),
});

const body = z.object({
  resourceSpans: z.array(
    z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(span) })) }),
  ),
});

/** With the process that sent it. */
export type Received = z.output<typeof span> & { service: unknown; instance: unknown };

export type Collector = Awaited<ReturnType<typeof openCollector>>;

/** Closed when the test is over. */
export async function openCollector() {
  const posts: { path: string; headers: IncomingHttpHeaders; body: Buffer }[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const bytes = await buffer(request);
      posts.push({ path: request.url ?? '', headers: request.headers, body: bytes });
      write(bytes.toString('utf8'));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    posts,
    /** What a server is told, to send its spans here. */
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
    spans: (): Received[] =>
      posts
        .filter(({ headers }) => headers['content-type'] === 'application/json')
        .flatMap((post) => body.parse(JSON.parse(post.body.toString())).resourceSpans)
        .flatMap(({ resource, scopeSpans }) =>
          scopeSpans
            .flatMap(({ spans }) => spans)
            .map((one) => ({
              ...one,
              service: resource.attributes['service.name'],
              instance: resource.attributes['service.instance.id'],
            })),
        ),
    everything: () => posts.map((post) => post.body.toString('latin1')).join('\n'),
  };
}
