/** The process that baseline-server.ts starts. Receives what to serve, and sends its URL. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import fastify from 'fastify';
import { buildSchema, type GraphQLSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import mercurius from 'mercurius';
import { Pool } from 'pg';
import { pino } from 'pino';
import { allScopes } from '../../src/access/scopes.ts';
import { localViewer } from '../../src/access/session.ts';
import { readSettings } from '../../src/app/config.ts';
import { schema as ours } from '../../src/app/schema.ts';
import { start } from '../../src/app/start.ts';
import type { BaselineServer } from './baseline-server.ts';

type Context = { app: object; viewer: object; scopes: object };

const oneField = buildSchema('type Query { hello: String }');

process.once('message', (options: BaselineServer) => {
  void serve(options).then((url) => process.send?.(url));
});
// The benchmark has exited.
process.once('disconnect', () => process.exit());

async function serve(options: BaselineServer): Promise<string> {
  switch (options.kind) {
    case 'bytes':
      return await listen(respondWith(async () => options.response));
    case 'sql':
      return await listen(respondWith(readBySql(options)));
    case 'yoga':
      return await listen(yoga(oneField));
    case 'mercurius':
      return await listenFastify(oneField, {});
    case 'our-yoga':
      return await listen(yoga(ours, await contextOf(options)));
    case 'our-mercurius':
      return await listenFastify(ours, await contextOf(options));
  }
}

const yoga = (schema: GraphQLSchema, context: object = {}): RequestListener => {
  const server = createYoga({ schema, context: () => context, logging: false });
  return (request, response) => void server(request, response);
};

async function listenFastify(schema: GraphQLSchema, context: { app?: object }): Promise<string> {
  const app = fastify();
  // mercurius sets `app` in the context to the Fastify instance, where the resolvers expect the parts of this server.
  for (const [name, part] of Object.entries(context.app ?? {})) if (!(name in app)) app.decorate(name, part);
  await app.register(mercurius, { schema, jit: 1, context: () => context });
  return await app.listen({ port: 0, host: '127.0.0.1' });
}

/** The context of this server's resolvers, from a complete server that also runs in this process. */
async function contextOf({ databaseUrl, dataDir }: { databaseUrl: string; dataDir: string }): Promise<Context> {
  const settings = readSettings({ PORT: '0', DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
  const { app } = await start({ settings, log: pino({ level: 'error' }) });
  return { viewer: localViewer, scopes: allScopes, app };
}

function readBySql({ databaseUrl, statements }: Extract<BaselineServer, { kind: 'sql' }>): () => Promise<string> {
  const pool = new Pool({ connectionString: databaseUrl, max: 20 });
  return async () => {
    const results: unknown[] = [];
    for (const { text: sql, values } of statements) results.push((await pool.query(sql, values)).rows);
    return JSON.stringify(results);
  };
}

const respondWith = (createBody: () => Promise<string>): RequestListener => {
  const serve: (...args: Parameters<RequestListener>) => Promise<void> = async (request, response) => {
    await text(request);
    const body = await createBody();
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    response.writeHead(200, headers).end(body);
  };
  return (request, response) => void serve(request, response);
};

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
