/** This server with its own schema, context and limits. Events come from a log in memory. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { App } from '../../../src/app/app.ts';
import { readSettings } from '../../../src/app/config.ts';
import { openContexts } from '../../../src/app/context.ts';
import { schema } from '../../../src/app/schema.ts';
import { Events } from '../../../src/events/events.ts';
import { Nudges } from '../../../src/events/nudges.ts';
import { createServer } from '../../../src/server/server.ts';
import type { MemoryLog } from './memory-log.ts';
import type { FanoutServer } from './server.ts';

export async function startLikeness(log: MemoryLog): Promise<FanoutServer> {
  const prisma = log.database;
  const events = new Events(prisma, new Nudges());
  const silentLog = pino({ level: 'silent' });
  const app = { prisma, events, now: () => new Date(), log: silentLog } as unknown as App;
  const server = createServer({
    schema,
    createContext: openContexts(readSettings({}), app).createContext,
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    health: {},
    uploadsFolder: join(mkdtempSync(join(tmpdir(), 'likeness-fanout-')), 'uploads'),
    limits: { connections: 100_000 },
  });
  const { url } = await server.listen();
  return {
    port: Number(new URL(url).port),
    publish(job, count) {
      for (let n = 0; n < count; n += 1) log.append(job);
      events.nudge(job);
    },
  };
}
