/** Sends one POST request repeatedly over keep-alive connections. Runs in a process of its own, which leaves the event loop of the measured server alone. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export type Load = {
  url: string;
  body: string;
  /** Each connection has one request in flight. */
  connections: number;
  seconds: number;
};

export type Loader = {
  /** Returns the requests per second. Throws if a request failed. */
  run(load: Load): Promise<number>;
  end(): void;
};

export function openLoader(): Loader {
  const child = fork(join(import.meta.dirname, 'load-process.ts'));
  return {
    async run(load) {
      child.send(load);
      const [result] = (await once(child, 'message')) as [{ perSecond: number; failed: number }];
      if (result.failed > 0) throw new Error(`${result.failed} requests to ${load.url} failed.`);
      return result.perSecond;
    },
    end: () => void child.kill(),
  };
}
