/**
 * Runs one of the measured servers: `node --expose-gc server-process.ts <name> <jobs>`. Over IPC it receives orders, and
 * counts of the messages that have reached the subscribers.
 */
import { once } from 'node:events';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { startBare } from './bare-ws.ts';
import { startLikeness } from './likeness.ts';
import { globalIdOf, MemoryLog } from './memory-log.ts';
import { startPlain } from './plain-graphql-ws.ts';
import type { FanoutServer, ServerName } from './server.ts';

/** `jobs` jobs of the log, beginning at index `from`, each with `subscribers` subscribers. */
export type Audience = { from: number; jobs: number; subscribers: number };

export type ServerOrder =
  /** Publishes `events` events of each job as fast as the subscribers receive them, `burst` events at a time. */
  | { do: 'peak'; audience: Audience; events: number; burst: number }
  /** Publishes at a constant rate. */
  | { do: 'pace'; audience: Audience; messagesPerSecond: number; seconds: number }
  /** Collects garbage and measures the heap. */
  | { do: 'heap' };

/** `result` is seconds for `peak`, the number of messages for `pace` and bytes for `heap`. */
export type ServerReport =
  | { port: number; jobIds: string[]; bareIds: string[] }
  | { result: number; cpuSeconds: number };

const start: Record<ServerName, (log: MemoryLog) => Promise<FanoutServer>> = {
  likeness: startLikeness,
  plain: startPlain,
  bare: startBare,
};

const received = { count: 0, onChange: () => undefined as void };

async function untilReceived(count: number): Promise<void> {
  while (received.count < count) {
    await new Promise<void>((resolve) => {
      received.onChange = resolve;
    });
  }
}

async function peak(
  server: FanoutServer,
  log: MemoryLog,
  { audience, events, burst }: Extract<ServerOrder, { do: 'peak' }>,
): Promise<number> {
  const jobs = log.jobs.slice(audience.from, audience.from + audience.jobs);
  // Large enough that the server is never idle while the counts travel, small enough for the sockets' buffers.
  const window = Math.max(4 * burst * audience.subscribers, 8_000);
  let sent = 0;
  received.count = 0;
  const startedAt = performance.now();
  for (let event = 0; event < events; event += burst) {
    for (const [n, job] of jobs.entries()) {
      server.publish(job, burst);
      sent += burst * audience.subscribers;
      if (n % 20 === 19) await setImmediate();
      if (sent - received.count > window) await untilReceived(sent - window);
    }
    await setImmediate();
  }
  await untilReceived(sent);
  return (performance.now() - startedAt) / 1000;
}

async function pace(
  server: FanoutServer,
  log: MemoryLog,
  { audience, messagesPerSecond, seconds }: Extract<ServerOrder, { do: 'pace' }>,
): Promise<number> {
  const eventsPerSecond = messagesPerSecond / audience.subscribers;
  const startedAt = performance.now();
  received.count = 0;
  let events = 0;
  for (;;) {
    const elapsed = (performance.now() - startedAt) / 1000;
    if (elapsed > seconds) break;
    while (events < elapsed * eventsPerSecond) {
      const job = log.jobs[audience.from + (events % audience.jobs)];
      if (job !== undefined) server.publish(job, 1);
      events += 1;
    }
    await sleep(1);
  }
  await untilReceived(events * audience.subscribers);
  return events * audience.subscribers;
}

async function execute(server: FanoutServer, log: MemoryLog, order: ServerOrder): Promise<number> {
  if (order.do === 'peak') return await peak(server, log, order);
  if (order.do === 'pace') return await pace(server, log, order);
  return heap();
}

function heap(): number {
  for (let n = 0; n < 4; n += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

if (process.argv[1] === import.meta.filename) {
  const [, , name, jobs] = process.argv;
  const log = new MemoryLog(Number(jobs));
  const server = await start[name as ServerName](log);
  const send = (report: ServerReport) => process.send?.(report);
  process.on('message', (message: ServerOrder | { received: number }) => {
    if ('received' in message) {
      received.count += message.received;
      received.onChange();
      return;
    }
    const before = process.cpuUsage();
    void execute(server, log, message).then((result) => {
      const { user, system } = process.cpuUsage(before);
      return send({ result, cpuSeconds: (user + system) / 1_000_000 });
    });
  });
  send({ port: server.port, jobIds: log.jobs.map(globalIdOf), bareIds: log.jobs.map(({ id }) => id) });
  await once(process, 'disconnect');
  process.exit(0);
}
