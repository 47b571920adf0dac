/**
 * Many subscribers of jobs' events: this server side by side with a bare `ws` broadcast of the same bytes, and with plain
 * graphql-ws on default Yoga. Each runs in a process of its own, the subscribers in two others; the rounds of the
 * contenders take turns, and each figure is the median of its rounds. The log is in memory (fanout/memory-log.ts), so
 * that what counts is the way from the nudge to the socket. On a busy machine only the ratios say something.
 */
import type { ContenderName } from './fanout/contender.ts';
import type { Way } from './fanout/crowd.ts';
import type { Crowded } from './fanout/stage.ts';
import { Theatre } from './fanout/theatre.ts';
import type { Figure, PartOptions } from './part.ts';
import { versioned } from './versions.ts';

const isQuick = process.argv.includes('--quick');
const rounds = 3;
const scale = isQuick ? 0.2 : 1;
const names = ['likeness', 'plain', 'bare'] as const;

type Scene = {
  key: string;
  title: string;
  crowded: Crowded;
  wayOf: Record<ContenderName, Way>;
  /** Events of each job in a round of the peak. */
  /** None: the contender sits it out. */
  events: Record<ContenderName, number>;
  hasBursts?: boolean;
  hasHeap?: boolean;
  goals: { bare?: number; plain?: number; p99?: number; burst?: number; heap?: number };
};

const sockets = { likeness: 'graphql', plain: 'graphql', bare: 'bare' } as const;
const streams = { likeness: 'sse', plain: 'sse', bare: 'bare' } as const;
const some = (count: number) => Math.max(Math.round((count * scale) / 16), 1) * 16;
const people = (count: number) => Math.round(count * (isQuick ? 0.3 : 1));
const scenes: Scene[] = [
  {
    key: 'one',
    title: `1 job, ${people(1_000)} subscribers`,
    crowded: { from: 0, jobs: 1, followers: people(1_000) },
    wayOf: sockets,
    events: { likeness: some(160), plain: some(32), bare: some(160) },
    hasBursts: true,
    goals: { bare: 0.9, p99: 50, burst: 1.4 },
  },
  {
    key: 'ten',
    title: `1 job, ${people(10_000)} subscribers`,
    crowded: { from: 1, jobs: 1, followers: people(10_000) },
    wayOf: sockets,
    // It would take most of the whole bench.
    events: { likeness: some(16), plain: 0, bare: some(16) },
    hasBursts: true,
    hasHeap: true,
    goals: { bare: 0.9, heap: 12, burst: 1.4 },
  },
  {
    key: 'each',
    title: `${people(1_000)} jobs, 1 subscriber each`,
    crowded: { from: 2, jobs: people(1_000), followers: 1 },
    wayOf: sockets,
    events: { likeness: some(48), plain: some(32), bare: some(48) },
    goals: { plain: 1.5, p99: 50 },
  },
  {
    key: 'sse',
    title: `1 job, ${people(1_000)} by server-sent events`,
    crowded: { from: 1_010, jobs: 1, followers: people(1_000) },
    wayOf: streams,
    events: { likeness: some(160), plain: some(32), bare: some(160) },
    goals: {},
  },
];

type PerName = Record<ContenderName, number>;
type Line = [figure: string, likeness: string, plain: string, bare: string, goal: string, met: string];
const lines: Line[] = [];
const add = (line: Line) => void lines.push(line);

async function play(theatre: Theatre, scene: Scene): Promise<void> {
  const { crowded, wayOf, events, goals } = scene;
  const count = crowded.jobs * crowded.followers;
  const heapOf: PerName = { likeness: 0, plain: 0, bare: 0 };
  const samples: string[] = [];
  const playing = names.filter((name) => events[name] > 0);
  for (const name of playing) {
    const before = (await theatre.order(name, { do: 'heap' })).result;
    await theatre.sample();
    await theatre.follow(name, wayOf[name], crowded);
    heapOf[name] = ((await theatre.order(name, { do: 'heap' })).result - before) / count / 1024;
    samples.push(await theatre.sample());
  }
  assertAlike(samples.filter((sample) => sample.startsWith('{')));
  if (scene.hasHeap) {
    add([`${scene.title}: heap of each, KiB`, ...shown(heapOf, 1), ...judged('<', heapOf.likeness, goals.heap)]);
  }

  const rate = async (burst: number) =>
    await inTurns(playing, async (name) => {
      const order = { do: 'peak' as const, crowded, events: events[name], burst };
      const { result: seconds, cpuSeconds } = await theatre.order(name, order);
      return [(events[name] * count) / seconds, (events[name] * count) / cpuSeconds];
    });
  const [peak, ofCpu] = await rate(1);
  add([`${scene.title}: messages a second`, ...shown(peak), '', '']);
  add([`… beside bare ws`, ...shares(peak, 'bare'), ...judged('>', peak.likeness / peak.bare, goals.bare)]);
  add([`… beside graphql-ws`, ...shares(peak, 'plain'), ...judged('>', peak.likeness / peak.plain, goals.plain)]);
  add([`… beside bare ws, for each second of CPU`, ...shares(ofCpu, 'bare'), '', '']);
  if (scene.hasBursts) {
    const [burst, burstOfCpu] = await rate(16);
    add([`${scene.title}: in bursts of 16`, ...shown(burst), '', '']);
    add([`… beside bare ws`, ...shares(burst, 'bare'), ...judged('>', burst.likeness / burst.bare, goals.burst)]);
    add([`… beside bare ws, for each second of CPU`, ...shares(burstOfCpu, 'bare'), '', '']);
  }

  const times: Record<'p50' | 'p99', PerName> = { p50: { ...heapOf }, p99: { ...heapOf } };
  for (const name of playing) {
    const pace = { do: 'pace' as const, crowded, messagesPerSecond: peak[name] / 10, seconds: isQuick ? 2 : 4 };
    const all = await theatre.timesOf(async () => await theatre.order(name, pace));
    times.p50[name] = at(all, 0.5);
    times.p99[name] = at(all, 0.99);
  }
  add([`${scene.title}: p50 at a tenth of the peak, ms`, ...shown(times.p50, 1), '', '']);
  add([`… p99, ms`, ...shown(times.p99, 1), ...judged('<', times.p99.likeness, goals.p99)]);
  await theatre.leave();
}

/** The median of each contender's rounds; they take turns. The first round of each only warms up. */
async function inTurns(
  playing: readonly ContenderName[],
  measure: (name: ContenderName) => Promise<[number, number]>,
): Promise<[PerName, PerName]> {
  const found: Record<ContenderName, [number, number][]> = { likeness: [], plain: [], bare: [] };
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of playing) {
      const figures = await measure(name);
      if (round > 0) found[name].push(figures);
    }
  }
  const median = (name: ContenderName, which: 0 | 1) =>
    found[name].map((figures) => figures[which]).toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
  const medians = (which: 0 | 1) => ({
    likeness: median('likeness', which),
    plain: median('plain', which),
    bare: median('bare', which),
  });
  return [medians(0), medians(1)];
}

function at(times: [ms: number, count: number][], share: number): number {
  let left = times.reduce((sum, [, count]) => sum + count, 0) * share;
  for (const [ms, count] of times) {
    left -= count;
    if (left <= 0) return ms;
  }
  return 0;
}

/** The same bytes, but for when they were told and which of their job's events they are. */
function assertAlike(samples: string[]): void {
  const alike = samples.map((text) => text.replace(/told at \d+|"sequence":\d+|"id":"[^"]*"/g, ''));
  if (new Set(alike).size > 1) throw new Error(`The contenders do not send the same:\n${samples.join('\n')}`);
}

type Three = [string, string, string];
const shown = ({ likeness, plain, bare }: PerName, digits = 0): Three =>
  [likeness, plain, bare].map((figure) =>
    figure > 0 && Number.isFinite(figure) ? figure.toFixed(digits) : '–',
  ) as Three;
const shares = ({ likeness, plain, bare }: PerName, of: ContenderName): Three =>
  shown(
    {
      likeness: likeness / { likeness, plain, bare }[of],
      plain: plain / { likeness, plain, bare }[of],
      bare: bare / { likeness, plain, bare }[of],
    },
    2,
  );
function judged(sign: '<' | '>', figure: number, goal: number | undefined): [string, string] {
  if (goal === undefined) return ['', ''];
  const isMet = sign === '<' ? figure < goal : figure >= goal;
  return [`${sign === '<' ? 'under' : 'at least'} ${goal}`, isMet ? 'met' : 'NOT met'];
}

export async function measure({ say }: PartOptions): Promise<Figure[]> {
  const theatre = await Theatre.open(names, 2, 1_020, []);
  try {
    for (const scene of scenes) {
      say(scene.title);
      await play(theatre, scene);
    }
  } finally {
    await theatre.close();
  }
  const [plainly, barely] = [`${versioned('graphql-ws')} on ${versioned('graphql-yoga')}`, versioned('ws')];
  return lines.map(([what, figure, plain, bare, goal, met]) => ({
    what,
    figure,
    against: `${plainly}: ${plain}, ${barely}: ${bare}`,
    goal,
    isMet: met === '' ? undefined : met === 'met',
  }));
}
