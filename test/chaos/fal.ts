/** The simulated fal of a run: it may go away and come back on the same port, and its record is joined over that. */
import type { LoggedCall, LoggedWebhook } from '../../src/fal-simulator/http/call-log.ts';
import type { FalRequest } from '../../src/fal-simulator/queue/request.ts';
import { type Simulator, startSimulator } from '../../src/fal-simulator/server.ts';

export type ChaosFal = {
  url: string;
  key: string;
  restarts: number;
  /** Sets a plan that outlives a restart; undefined: nothing goes wrong any more. */
  plan(faults: { seed: number; faults: object[] } | undefined): void;
  restart(): Promise<void>;
  requests(): FalRequest[];
  /** Webhooks as fal sends them when nothing goes wrong, which were answered with 200. */
  takenWebhooks(): LoggedWebhook[];
  /** Whether a webhook about the request named another that there is not: whoever adopts that believes fal itself. */
  hasMisnamed(requestId: string): boolean;
  /** Whether a fault met a request's list of pictures or one of their files, so that some may be missing. */
  mayLackPictures(requestId: string): boolean;
  /** How often each act of a plan was done, by `kind act`. */
  faultsDone(): Map<string, number>;
  close(): Promise<void>;
};

export async function startFal(dataDir: string, port: number): Promise<ChaosFal> {
  const options = { dataDir, port, speed: 'quick' } as const;
  const seen: (LoggedCall | LoggedWebhook)[] = [];
  let simulator: Simulator = await startSimulator(options);
  let plan: { seed: number; faults: object[] } | undefined;
  const keep = () => void seen.push(...simulator.record.calls(), ...simulator.record.webhooks());
  const apply = () => (plan === undefined ? simulator.clearFaults() : simulator.setFaults(plan));
  const fal: ChaosFal = {
    url: simulator.url,
    key: simulator.key,
    restarts: 0,
    plan(faults) {
      plan = faults;
      apply();
    },
    async restart() {
      await simulator.close();
      keep();
      simulator = await startSimulator(options);
      apply();
      fal.restarts += 1;
    },
    requests: () => simulator.record.requests(),
    takenWebhooks: () =>
      [...seen, ...simulator.record.webhooks()].filter(
        (entry): entry is LoggedWebhook => 'attempt' in entry && entry.status === 200 && entry.faults === undefined,
      ),
    hasMisnamed: (requestId) =>
      [...seen, ...simulator.record.webhooks()].some(
        (entry) =>
          'attempt' in entry && entry.requestId === requestId && entry.faults?.includes('unknown-request') === true,
      ),
    mayLackPictures: (requestId) =>
      [...seen, ...simulator.record.calls()].some(
        (entry) =>
          'kind' in entry &&
          entry.requestId === requestId &&
          entry.faults !== undefined &&
          (entry.kind === 'download' || (entry.kind === 'result' && entry.faults.includes('images'))),
      ),
    faultsDone() {
      const done = new Map<string, number>();
      for (const entry of [...seen, ...simulator.record.calls(), ...simulator.record.webhooks()]) {
        const kind = 'kind' in entry ? entry.kind : 'webhook';
        for (const act of entry.faults ?? []) done.set(`${kind} ${act}`, (done.get(`${kind} ${act}`) ?? 0) + 1);
      }
      return done;
    },
    close: () => simulator.close(),
  };
  return fal;
}
