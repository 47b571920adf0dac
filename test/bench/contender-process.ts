/** The process of contender.ts. Says where it listens. */
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
import type { Contender } from './contender.ts';

type Context = { app: object; viewer: object; scopes: object };

const oneField = buildSchema('type Query { hello: String }');

process.once('message', (contender: Contender) => {
  void serve(contender).then((url) => process.send?.(url));
});
// Its maker is gone.
process.once('disconnect', () => process.exit());

async function serve(contender: Contender): Promise<string> {
  switch (contender.kind) {
    case 'bytes':
      return await listen(answering(async () => contender.answer));
    case 'sql':
      return await listen(answering(readBySql(contender)));
    case 'yoga':
      return await listen(yoga(oneField));
    case 'mercurius':
      return await listenFastify(oneField, {});
    case 'our-yoga':
      return await listen(yoga(ours, await contextOf(contender)));
    case 'our-mercurius':
      return await listenFastify(ours, await contextOf(contender));
  }
}

const yoga = (schema: GraphQLSchema, context: object = {}): RequestListener => {
  const server = createYoga({ schema, context: () => context, logging: false });
  return (request, response) => void server(request, response);
};

async function listenFastify(schema: GraphQLSchema, context: { app?: object }): Promise<string> {
  const app = fastify();
  // mercurius puts fastify where this server's resolvers look for its parts.
  for (const [name, part] of Object.entries(context.app ?? {})) if (!(name in app)) app.decorate(name, part);
  await app.register(mercurius, { schema, jit: 1, context: () => context });
  return await app.listen({ port: 0, host: '127.0.0.1' });
}

/** What this server's resolvers are given: of a whole one, which works beside. */
async function contextOf({ databaseUrl, dataDir }: { databaseUrl: string; dataDir: string }): Promise<Context> {
  const settings = readSettings({ PORT: '0', DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
  const { app } = await start({ settings, log: pino({ level: 'error' }) });
  return { viewer: localViewer, scopes: allScopes, app };
}

function readBySql({ databaseUrl, statements }: Extract<Contender, { kind: 'sql' }>): () => Promise<string> {
  const pool = new Pool({ connectionString: databaseUrl, max: 20 });
  return async () => {
    const answers: unknown[] = [];
    for (const { text: sql, values } of statements) answers.push((await pool.query(sql, values)).rows);
    return JSON.stringify(answers);
  };
}

const answering = (answer: () => Promise<string>): RequestListener => {
  const serve: (...both: Parameters<RequestListener>) => Promise<void> = async (request, response) => {
    await text(request);
    const body = await answer();
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
