/** graphql-ws on Yoga, set up as their documentation shows, with the same schema. Events go through Yoga's own pub/sub. */
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionArgs } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createYoga } from 'graphql-yoga';
import { WebSocketServer } from 'ws';
import type { JobEvent } from '../../../prisma/generated/client/client.ts';
import { allScopes } from '../../../src/access/scopes.ts';
import { localViewer } from '../../../src/access/session.ts';
import { schema } from '../../../src/app/schema.ts';
import type { MemoryLog } from './memory-log.ts';
import type { FanoutServer } from './server.ts';

type Root = Pick<ReturnType<ReturnType<typeof createYoga>['getEnveloped']>, 'execute' | 'subscribe'>;

export async function startPlain(log: MemoryLog): Promise<FanoutServer> {
  // Each subscriber adds a listener. That is no leak, so Node must not warn.
  EventEmitter.defaultMaxListeners = 0;
  const pubSub = createPubSub<{ job: [id: string, event: JobEvent] }>();
  const events = { follow: (jobId: string) => pubSub.subscribe('job', jobId) };
  const app = { prisma: log.database, events, now: () => new Date() };
  const context = () => ({ viewer: localViewer, scopes: allScopes, app });
  const yoga = createYoga({ schema, context, logging: false });
  const http = createServer((request, response) => void yoga(request, response));
  useServer(
    {
      execute: (args) => (args.rootValue as Root).execute(args),
      subscribe: (args) => (args.rootValue as Root).subscribe(args),
      async onSubscribe(ctx, _id, params) {
        const { request: req, socket } = ctx.extra;
        const enveloped = yoga.getEnveloped({ ...ctx, req, socket, params });
        const args: ExecutionArgs = {
          schema: enveloped.schema,
          operationName: params.operationName,
          document: enveloped.parse(params.query),
          variableValues: params.variables,
          contextValue: await enveloped.contextFactory(),
          rootValue: { execute: enveloped.execute, subscribe: enveloped.subscribe },
        };
        const errors = enveloped.validate(args.schema, args.document);
        return errors.length > 0 ? errors : args;
      },
    },
    new WebSocketServer({ server: http, path: yoga.graphqlEndpoint }),
  );
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    publish(job, count) {
      for (let n = 0; n < count; n += 1) pubSub.publish('job', job.id, log.append(job));
    },
  };
}
