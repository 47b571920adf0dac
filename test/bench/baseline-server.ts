/** A server to compare this one with. It runs in a process of its own (baseline-server-process.ts) until `end` is called. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Statement } from '../support/statements.ts';

export type BaselineServer =
  /** node:http alone. It reads the request and responds with these bytes. */
  | { kind: 'bytes'; response: string }
  /** node:http and pg. It executes the statements and responds with their rows as JSON. */
  | { kind: 'sql'; databaseUrl: string; statements: Statement[] }
  /** Yoga with its defaults, or mercurius with JIT, over a schema of one field. */
  | { kind: 'yoga' | 'mercurius' }
  /** The same two, over the schema and resolvers of this server. */
  | { kind: 'our-yoga' | 'our-mercurius'; databaseUrl: string; dataDir: string };

export type Running = { url: string; end(): Promise<void> };

export async function startBaselineServer(options: BaselineServer): Promise<Running> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'baseline-server-process.ts'));
  child.send(options);
  const [url] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error(`The ${options.kind} server exited.`);
    }),
  ])) as [string];
  return {
    url,
    async end() {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}
