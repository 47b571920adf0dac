/**
 * Many subscribers of job events. Compares this server with a bare `ws` broadcast of the same bytes and with plain
 * graphql-ws on default Yoga. Each server runs in a process of its own; the subscribers run in two others. The servers
 * take turns, and each figure is the median of several rounds. The event log is in memory (fanout/memory-log.ts), so
 * that the measurement covers the path from the nudge to the socket. On a busy machine only the ratios are meaningful.
 */
import { FanoutProcesses } from './fanout/processes.ts';
import type { ServerName } from './fanout/server.ts';
import type { Audience } from './fanout/server-process.ts';
import type { Transport } from './fanout/subscribers-process.ts';
import type { Figure, PartOptions } from './part.ts';
import { versioned } from './versions.ts';

const isQuick = process.argv.includes('--quick');
const rounds = 3;
const scale = isQuick ? 0.2 : 1;
const names = ['likeness', 'plain', 'bare'] as const;

type Scenario = {
  key: string;
  title: string;
  audience: Audience;
  transports: Record<ServerName, Transport>;
  /** Events of each job in a round of the peak. With 0 the server is not measured in this scenario. */
  events: Record<ServerName, number>;
  hasBursts?: boolean;
  hasHeap?: boolean;
  goals: { bare?: number; plain?: number; p99?: number; burst?: number; heap?: number };
};

const sockets = { likeness: 'graphql', plain: 'graphql', bare: 'bare' } as const;
const streams = { likeness: 'sse', plain: 'sse', bare: 'bare' } as const;
/** The number of events scaled for this run, as a multiple of the burst size, 16. */
const scaled = (count: number) => Math.max(Math.round((count * scale) / 16), 1) * 16;
const subscriberCount = (count: number) => Math.round(count * (isQuick ? 0.3 : 1));
const scenarios: Scenario[] = [
  {
    key: 'one',
    title: `1 job, ${subscriberCount(1_000)} subscribers`,
    audience: { from: 0, jobs: 1, subscribers: subscriberCount(1_000) },
    transports: sockets,
    events: { likeness: scaled(160), plain: scaled(32), bare: scaled(160) },
    hasBursts: true,
    goals: { bare: 0.9, p99: 50, burst: 1.4 },
  },
  {
    key: 'ten',
    title: `1 job, ${subscriberCount(10_000)} subscribers`,
    audience: { from: 1, jobs: 1, subscribers: subscriberCount(10_000) },
    transports: sockets,
    // graphql-ws would take most of the time of the whole benchmark here.
    events: { likeness: scaled(16), plain: 0, bare: scaled(16) },
    hasBursts: true,
    hasHeap: true,
    goals: { bare: 0.9, heap: 12, burst: 1.4 },
  },
  {
    key: 'each',
    title: `${subscriberCount(1_000)} jobs, 1 subscriber each`,
    audience: { from: 2, jobs: subscriberCount(1_000), subscribers: 1 },
    transports: sockets,
    events: { likeness: scaled(48), plain: scaled(32), bare: scaled(48) },
    goals: { plain: 1.5, p99: 50 },
  },
  {
    key: 'sse',
    title: `1 job, ${subscriberCount(1_000)} subscribers over server-sent events`,
    audience: { from: 1_010, jobs: 1, subscribers: subscriberCount(1_000) },
    transports: streams,
    events: { likeness: scaled(160), plain: scaled(32), bare: scaled(160) },
    goals: {},
  },
];

type PerName = Record<ServerName, number>;
type Line = [figure: string, likeness: string, plain: string, bare: string, goal: string, met: string];
const lines: Line[] = [];
const add = (line: Line) => void lines.push(line);

async function measureScenario(processes: FanoutProcesses, scenario: Scenario): Promise<void> {
  const { audience, transports, events, goals } = scenario;
  const count = audience.jobs * audience.subscribers;
  const heapOf: PerName = { likeness: 0, plain: 0, bare: 0 };
  const samples: string[] = [];
  const measured = names.filter((name) => events[name] > 0);
  for (const name of measured) {
    const before = (await processes.order(name, { do: 'heap' })).result;
    await processes.sample();
    await processes.subscribe(name, transports[name], audience);
    heapOf[name] = ((await processes.order(name, { do: 'heap' })).result - before) / count / 1024;
    samples.push(await processes.sample());
  }
  assertEqualMessages(samples.filter((sample) => sample.startsWith('{')));
  if (scenario.hasHeap) {
    add([
      `${scenario.title}: heap for each subscriber, KiB`,
      ...cells(heapOf, 1),
      ...goalCells('<', heapOf.likeness, goals.heap),
    ]);
  }

  const rates = async (burst: number) =>
    await inTurns(measured, async (name) => {
      const order = { do: 'peak' as const, audience, events: events[name], burst };
      const { result: seconds, cpuSeconds } = await processes.order(name, order);
      return [(events[name] * count) / seconds, (events[name] * count) / cpuSeconds];
    });
  const [peak, ofCpu] = await rates(1);
  add([`${scenario.title}: messages per second`, ...cells(peak), '', '']);
  add([`… relative to bare ws`, ...shares(peak, 'bare'), ...goalCells('>', peak.likeness / peak.bare, goals.bare)]);
  add([
    `… relative to graphql-ws`,
    ...shares(peak, 'plain'),
    ...goalCells('>', peak.likeness / peak.plain, goals.plain),
  ]);
  add([`… relative to bare ws, per second of CPU`, ...shares(ofCpu, 'bare'), '', '']);
  if (scenario.hasBursts) {
    const [burst, burstOfCpu] = await rates(16);
    add([`${scenario.title}: messages per second in bursts of 16`, ...cells(burst), '', '']);
    add([
      `… relative to bare ws`,
      ...shares(burst, 'bare'),
      ...goalCells('>', burst.likeness / burst.bare, goals.burst),
    ]);
    add([`… relative to bare ws, per second of CPU`, ...shares(burstOfCpu, 'bare'), '', '']);
  }

  const percentiles: Record<'p50' | 'p99', PerName> = { p50: { ...heapOf }, p99: { ...heapOf } };
  for (const name of measured) {
    const pace = { do: 'pace' as const, audience, messagesPerSecond: peak[name] / 10, seconds: isQuick ? 2 : 4 };
    const latencies = await processes.latenciesDuring(async () => await processes.order(name, pace));
    percentiles.p50[name] = percentile(latencies, 0.5);
    percentiles.p99[name] = percentile(latencies, 0.99);
  }
  add([`${scenario.title}: p50 at a tenth of the peak, ms`, ...cells(percentiles.p50, 1), '', '']);
  add([`… p99, ms`, ...cells(percentiles.p99, 1), ...goalCells('<', percentiles.p99.likeness, goals.p99)]);
  await processes.unsubscribe();
}

/** Measures the servers in turns. Returns the medians of their rounds without the first round, which only warms up. */
async function inTurns(
  measured: readonly ServerName[],
  measure: (name: ServerName) => Promise<[number, number]>,
): Promise<[PerName, PerName]> {
  const found: Record<ServerName, [number, number][]> = { likeness: [], plain: [], bare: [] };
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of measured) {
      const figures = await measure(name);
      if (round > 0) found[name].push(figures);
    }
  }
  const median = (name: ServerName, which: 0 | 1) =>
    found[name].map((figures) => figures[which]).toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
  const medians = (which: 0 | 1) => ({
    likeness: median('likeness', which),
    plain: median('plain', which),
    bare: median('bare', which),
  });
  return [medians(0), medians(1)];
}

function percentile(latencies: [ms: number, count: number][], share: number): number {
  let left = latencies.reduce((sum, [, count]) => sum + count, 0) * share;
  for (const [ms, count] of latencies) {
    left -= count;
    if (left <= 0) return ms;
  }
  return 0;
}

/** Throws if the servers send different bytes, apart from the sending time, the sequence number and the id. */
function assertEqualMessages(samples: string[]): void {
  const normalized = samples.map((text) => text.replace(/sent at \d+|"sequence":\d+|"id":"[^"]*"/g, ''));
  if (new Set(normalized).size > 1) throw new Error(`The servers send different messages:\n${samples.join('\n')}`);
}

type Cells = [string, string, string];
const cells = ({ likeness, plain, bare }: PerName, digits = 0): Cells =>
  [likeness, plain, bare].map((figure) =>
    figure > 0 && Number.isFinite(figure) ? figure.toFixed(digits) : '–',
  ) as Cells;
const shares = ({ likeness, plain, bare }: PerName, of: ServerName): Cells =>
  cells(
    {
      likeness: likeness / { likeness, plain, bare }[of],
      plain: plain / { likeness, plain, bare }[of],
      bare: bare / { likeness, plain, bare }[of],
    },
    2,
  );
function goalCells(sign: '<' | '>', figure: number, goal: number | undefined): [string, string] {
  if (goal === undefined) return ['', ''];
  const isMet = sign === '<' ? figure < goal : figure >= goal;
  return [`${sign === '<' ? 'under' : 'at least'} ${goal}`, isMet ? 'met' : 'NOT met'];
}

export async function measure({ report }: PartOptions): Promise<Figure[]> {
  const processes = await FanoutProcesses.open(names, 2, 1_020, []);
  try {
    for (const scenario of scenarios) {
      report(scenario.title);
      await measureScenario(processes, scenario);
    }
  } finally {
    await processes.close();
  }
  const [plainVersion, bareVersion] = [`${versioned('graphql-ws')} on ${versioned('graphql-yoga')}`, versioned('ws')];
  return lines.map(([label, figure, plain, bare, goal, met]) => ({
    label,
    figure,
    against: `${plainVersion}: ${plain}, ${bareVersion}: ${bare}`,
    goal,
    isMet: met === '' ? undefined : met === 'met',
  }));
}
