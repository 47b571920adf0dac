/** The processes of the measurement: one for each server, and those that hold the subscribers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerName } from './server.ts';
import type { Audience, ServerOrder, ServerReport } from './server-process.ts';
import type { SubscribersOrder, SubscribersReport, Transport } from './subscribers-process.ts';

type Outcome = Extract<ServerReport, { result: number }>;
type ServerAddress = Extract<ServerReport, { port: number }>;

export class FanoutProcesses {
  readonly #servers = new Map<ServerName, ServerAddress & { process: ChildProcess }>();
  readonly #subscribers: ChildProcess[] = [];
  /** The server that executes an order. It receives the counts of messages. */
  #active: ChildProcess | undefined;

  /** Starts each named server with `jobs` jobs and the Node flags `flags`, and `subscriberProcesses` processes of subscribers. */
  static async open(
    names: readonly ServerName[],
    subscriberProcesses: number,
    jobs: number,
    flags: string[],
  ): Promise<FanoutProcesses> {
    const processes = new FanoutProcesses();
    for (const name of names) {
      const process = run('server-process.ts', ['--expose-gc', ...flags], [name, String(jobs)]);
      const [address] = (await once(process, 'message')) as [ServerAddress];
      processes.#servers.set(name, { ...address, process });
    }
    for (let n = 0; n < subscriberProcesses; n += 1) {
      const process = run('subscribers-process.ts', [], []);
      process.on('message', (report: SubscribersReport) => {
        if ('received' in report) processes.#active?.send({ received: report.received });
      });
      processes.#subscribers.push(process);
    }
    return processes;
  }

  /** Connects the audience. Resolves when each subscriber has received a message and no message is in flight. */
  async subscribe(name: ServerName, transport: Transport, audience: Audience): Promise<void> {
    const { port, jobIds, bareIds, process } = this.#server(name);
    const ids = transport === 'bare' ? bareIds : jobIds;
    const all = Array.from(
      { length: audience.jobs * audience.subscribers },
      (_, n) => ids[audience.from + (n % audience.jobs)],
    );
    const before = await this.#reached();
    await Promise.all(
      this.#subscribers.map(async (subscribers, n) => {
        const jobs = all.filter((_, index) => index % this.#subscribers.length === n) as string[];
        await request(subscribers, { do: 'subscribe', transport, port, jobs }, 'subscribed');
      }),
    );
    // A subscription can begin after its socket is open, so events are published until all subscribers have received
    // one. With 0 expected subscribers the order does not wait for the counts.
    const uncounted = { ...audience, subscribers: 0 };
    for (let tries = 0; ; tries += 1) {
      const reached = (await this.#reached()) - before;
      if (reached >= all.length) break;
      if (tries === 50) throw new Error(`Only ${reached} of ${all.length} subscribers of ${name} receive messages.`);
      await request(process, { do: 'peak', audience: uncounted, events: 1, burst: 1 }, 'result');
      await sleep(200);
    }
    await sleep(300);
  }

  /** Disconnects all subscribers. */
  async unsubscribe(): Promise<void> {
    await Promise.all(
      this.#subscribers.map(async (subscribers) => await request(subscribers, { do: 'unsubscribe' }, 'subscribed')),
    );
    await sleep(300);
  }

  async order(name: ServerName, order: ServerOrder): Promise<Outcome> {
    const { process } = this.#server(name);
    this.#active = process;
    const outcome = await request<Outcome>(process, order, 'result');
    this.#active = undefined;
    await sleep(50);
    return outcome;
  }

  /** The latencies of the messages that arrive during `work`: milliseconds with their number of messages, shortest first. */
  async latenciesDuring(work: () => Promise<unknown>): Promise<[ms: number, count: number][]> {
    await Promise.all(
      this.#subscribers.map(async (subscribers) => await request(subscribers, { do: 'startTiming' }, 'latencies')),
    );
    await work();
    const reports = await Promise.all(
      this.#subscribers.map(
        async (subscribers) =>
          await request<{ latencies: [number, number][] }>(subscribers, { do: 'stopTiming' }, 'latencies'),
      ),
    );
    return reports
      .flatMap(({ latencies }) => latencies)
      .map(([tenths, count]): [number, number] => [tenths / 10, count])
      .toSorted(([a], [b]) => a - b);
  }

  /** The first message since the last call, as one subscriber received it. '' if there was none. */
  async sample(): Promise<string> {
    const reports = await Promise.all(
      this.#subscribers.map(
        async (subscribers) => await request<{ sample: string }>(subscribers, { do: 'sample' }, 'sample'),
      ),
    );
    return reports[0]?.sample ?? '';
  }

  async close(): Promise<void> {
    for (const process of [...this.#subscribers, ...[...this.#servers.values()].map((server) => server.process)]) {
      const exit = once(process, 'exit');
      process.disconnect();
      await exit;
    }
  }

  #server(name: ServerName) {
    const server = this.#servers.get(name);
    if (server === undefined) throw new Error(`The server ${name} is not running.`);
    return server;
  }

  async #reached(): Promise<number> {
    const reports = await Promise.all(
      this.#subscribers.map(
        async (subscribers) => await request<{ reached: number }>(subscribers, { do: 'countReached' }, 'reached'),
      ),
    );
    return reports.reduce((sum, { reached }) => sum + reached, 0);
  }
}

function run(file: string, flags: string[], args: string[]): ChildProcess {
  const command = [...flags, '--import', 'tsx', join(import.meta.dirname, file), ...args];
  return spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** Sends an order and returns the next report that has the key `kind`. */
async function request<Report>(
  process: ChildProcess,
  order: ServerOrder | SubscribersOrder,
  kind: string,
): Promise<Report> {
  return await new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`A process of the measurement exited with code ${code}.`));
    const onMessage = (report: object) => {
      if (!(kind in report)) return;
      process.off('message', onMessage).off('exit', onExit);
      resolve(report as Report);
    };
    process.on('message', onMessage).once('exit', onExit);
    process.send(order);
  });
}
