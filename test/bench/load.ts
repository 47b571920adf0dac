/** Load from a process of its own, so that who is measured has their event loop to themselves: one POST again and again over connections that are kept. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export type Load = {
  url: string;
  body: string;
  /** Each with one request under way. */
  connections: number;
  seconds: number;
};

export type Loader = {
  /** Requests a second, of those that were answered with 200 and data. Throws when one was not. */
  run(load: Load): Promise<number>;
  end(): void;
};

export function openLoader(): Loader {
  const child = fork(join(import.meta.dirname, 'load-process.ts'));
  return {
    async run(load) {
      child.send(load);
      const [answer] = (await once(child, 'message')) as [{ perSecond: number; failed: number }];
      if (answer.failed > 0) throw new Error(`${answer.failed} requests to ${load.url} failed.`);
      return answer.perSecond;
    },
    end: () => void child.kill(),
  };
}
