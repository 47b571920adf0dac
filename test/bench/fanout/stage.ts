/**
 * A contender in a process of its own: `node --expose-gc stage.ts <name> <jobs>`. It is told over IPC what to do, and
 * hears there how many messages have arrived.
 */
import { once } from 'node:events';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { startBare } from './bare.ts';
import type { Contender, ContenderName } from './contender.ts';
import { startLikeness } from './likeness.ts';
import { globalIdOf, MemoryLog } from './memory-log.ts';
import { startPlain } from './plain.ts';

/** Which jobs, and how many follow each. */
export type Crowded = { from: number; jobs: number; followers: number };

export type StageOrder =
  /** As fast as messages arrive: so many events of each job, `burst` of them at once. */
  | { do: 'peak'; crowded: Crowded; events: number; burst: number }
  /** So many messages a second for so long. */
  | { do: 'pace'; crowded: Crowded; messagesPerSecond: number; seconds: number }
  | { do: 'heap' };

/** What an order comes to: seconds taken, messages sent, or bytes of heap; and the processor's time for it. */
export type StageReport =
  | { port: number; jobIds: string[]; bareIds: string[] }
  | { result: number; cpuSeconds: number };

const start: Record<ContenderName, (log: MemoryLog) => Promise<Contender>> = {
  likeness: startLikeness,
  plain: startPlain,
  bare: startBare,
};

const arrived = { count: 0, moved: () => undefined as void };

async function until(count: number): Promise<void> {
  while (arrived.count < count) {
    await new Promise<void>((resolve) => {
      arrived.moved = resolve;
    });
  }
}

async function peak(
  stage: Contender,
  log: MemoryLog,
  { crowded, events, burst }: Extract<StageOrder, { do: 'peak' }>,
): Promise<number> {
  const jobs = log.jobs.slice(crowded.from, crowded.from + crowded.jobs);
  // Enough under way that no time goes by while the news of arrivals travels, and no more than sockets take.
  const window = Math.max(4 * burst * crowded.followers, 8_000);
  let told = 0;
  arrived.count = 0;
  const began = performance.now();
  for (let event = 0; event < events; event += burst) {
    for (const [n, job] of jobs.entries()) {
      stage.tell(job, burst);
      told += burst * crowded.followers;
      if (n % 20 === 19) await setImmediate();
      if (told - arrived.count > window) await until(told - window);
    }
    await setImmediate();
  }
  await until(told);
  return (performance.now() - began) / 1000;
}

async function pace(
  stage: Contender,
  log: MemoryLog,
  { crowded, messagesPerSecond, seconds }: Extract<StageOrder, { do: 'pace' }>,
): Promise<number> {
  const eventsPerSecond = messagesPerSecond / crowded.followers;
  const began = performance.now();
  arrived.count = 0;
  let told = 0;
  for (;;) {
    const elapsed = (performance.now() - began) / 1000;
    if (elapsed > seconds) break;
    while (told < elapsed * eventsPerSecond) {
      const job = log.jobs[crowded.from + (told % crowded.jobs)];
      if (job !== undefined) stage.tell(job, 1);
      told += 1;
    }
    await sleep(1);
  }
  await until(told * crowded.followers);
  return told * crowded.followers;
}

async function carryOut(stage: Contender, log: MemoryLog, order: StageOrder): Promise<number> {
  if (order.do === 'peak') return await peak(stage, log, order);
  if (order.do === 'pace') return await pace(stage, log, order);
  return heap();
}

function heap(): number {
  for (let n = 0; n < 4; n += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

if (process.argv[1] === import.meta.filename) {
  const [, , name, jobs] = process.argv;
  const log = new MemoryLog(Number(jobs));
  const stage = await start[name as ContenderName](log);
  const report = (said: StageReport) => process.send?.(said);
  process.on('message', (message: StageOrder | { delivered: number }) => {
    if ('delivered' in message) {
      arrived.count += message.delivered;
      arrived.moved();
      return;
    }
    const before = process.cpuUsage();
    void carryOut(stage, log, message).then((result) => {
      const { user, system } = process.cpuUsage(before);
      return report({ result, cpuSeconds: (user + system) / 1_000_000 });
    });
  });
  report({ port: stage.port, jobIds: log.jobs.map(globalIdOf), bareIds: log.jobs.map(({ id }) => id) });
  await once(process, 'disconnect');
  process.exit(0);
}
