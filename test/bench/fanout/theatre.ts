/** The processes of the measurement: each contender's, and those of the subscribers, who follow whom they are told to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContenderName } from './contender.ts';
import type { CrowdOrder, CrowdReport, Way } from './crowd.ts';
import type { Crowded, StageOrder, StageReport } from './stage.ts';

type Outcome = Extract<StageReport, { result: number }>;
type StagePlace = Extract<StageReport, { port: number }>;

export class Theatre {
  readonly #stages = new Map<ContenderName, StagePlace & { process: ChildProcess }>();
  readonly #crowds: ChildProcess[] = [];
  #playing: ChildProcess | undefined;

  /** So many processes of subscribers, and a contender each, with so many jobs. */
  static async open(names: readonly ContenderName[], crowds: number, jobs: number, flags: string[]): Promise<Theatre> {
    const theatre = new Theatre();
    for (const name of names) {
      const process = run('stage.ts', ['--expose-gc', ...flags], [name, String(jobs)]);
      const [place] = (await once(process, 'message')) as [StagePlace];
      theatre.#stages.set(name, { ...place, process });
    }
    for (let n = 0; n < crowds; n += 1) {
      const crowd = run('crowd.ts', [], []);
      crowd.on('message', (said: CrowdReport) => {
        if ('came' in said) theatre.#playing?.send({ delivered: said.came });
      });
      theatre.#crowds.push(crowd);
    }
    return theatre;
  }

  /** Lets them follow, and comes back when each has had a message and nothing more is under way. */
  async follow(name: ContenderName, way: Way, crowded: Crowded): Promise<void> {
    const { port, jobIds, bareIds, process } = this.#stage(name);
    const ids = way === 'bare' ? bareIds : jobIds;
    const all = Array.from(
      { length: crowded.jobs * crowded.followers },
      (_, n) => ids[crowded.from + (n % crowded.jobs)],
    );
    const before = await this.#reached();
    await Promise.all(
      this.#crowds.map(async (crowd, n) => {
        const jobs = all.filter((_, index) => index % this.#crowds.length === n) as string[];
        await ask(crowd, { do: 'follow', way, port, jobs }, 'following');
      }),
    );
    // Told for nobody to count, until everybody has heard.
    const unheard = { ...crowded, followers: 0 };
    for (let tries = 0; ; tries += 1) {
      const reached = (await this.#reached()) - before;
      if (reached >= all.length) break;
      if (tries === 50) throw new Error(`Of ${all.length} who follow ${name}, ${reached} are told anything.`);
      await ask(process, { do: 'peak', crowded: unheard, events: 1, burst: 1 }, 'result');
      await sleep(200);
    }
    await sleep(300);
  }

  async leave(): Promise<void> {
    await Promise.all(this.#crowds.map(async (crowd) => await ask(crowd, { do: 'leave' }, 'following')));
    await sleep(300);
  }

  async order(name: ContenderName, order: StageOrder): Promise<Outcome> {
    const { process } = this.#stage(name);
    this.#playing = process;
    const outcome = await ask<Outcome>(process, order, 'result');
    this.#playing = undefined;
    await sleep(50);
    return outcome;
  }

  /** How long each message takes while `play` runs, shortest first, in milliseconds, with how many took so long. */
  async timesOf(play: () => Promise<unknown>): Promise<[ms: number, count: number][]> {
    await Promise.all(this.#crowds.map(async (crowd) => await ask(crowd, { do: 'time' }, 'times')));
    await play();
    const reports = await Promise.all(
      this.#crowds.map(async (crowd) => await ask<{ times: [number, number][] }>(crowd, { do: 'times' }, 'times')),
    );
    return reports
      .flatMap(({ times }) => times)
      .map(([tenths, count]): [number, number] => [tenths / 10, count])
      .toSorted(([a], [b]) => a - b);
  }

  /** A message as somebody has had it since last asked. */
  async sample(): Promise<string> {
    const reports = await Promise.all(
      this.#crowds.map(async (crowd) => await ask<{ sample: string }>(crowd, { do: 'sample' }, 'sample')),
    );
    return reports[0]?.sample ?? '';
  }

  async close(): Promise<void> {
    for (const process of [...this.#crowds, ...[...this.#stages.values()].map((stage) => stage.process)]) {
      const exit = once(process, 'exit');
      process.disconnect();
      await exit;
    }
  }

  #stage(name: ContenderName) {
    const stage = this.#stages.get(name);
    if (stage === undefined) throw new Error(`${name} does not run.`);
    return stage;
  }

  async #reached(): Promise<number> {
    const reports = await Promise.all(
      this.#crowds.map(async (crowd) => await ask<{ reached: number }>(crowd, { do: 'reached' }, 'reached')),
    );
    return reports.reduce((sum, { reached }) => sum + reached, 0);
  }
}

function run(file: string, flags: string[], args: string[]): ChildProcess {
  const command = [...flags, '--import', 'tsx', join(import.meta.dirname, file), ...args];
  return spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** The next report of that kind. */
async function ask<Report>(process: ChildProcess, order: StageOrder | CrowdOrder, kind: string): Promise<Report> {
  return await new Promise((resolve, reject) => {
    const gone = (code: number | null) => reject(new Error(`A process has ended with ${code}.`));
    const hear = (said: object) => {
      if (!(kind in said)) return;
      process.off('message', hear).off('exit', gone);
      resolve(said as Report);
    };
    process.on('message', hear).once('exit', gone);
    process.send(order);
  });
}
