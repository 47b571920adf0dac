/** A server to measure against, in a process of its own: made by contender-process.ts, ended by `end`. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Statement } from '../support/statements.ts';

export type Contender =
  /** node:http alone: reads the request and answers with these bytes. */
  | { kind: 'bytes'; answer: string }
  /** node:http and pg: the statements, and their rows as JSON. */
  | { kind: 'sql'; databaseUrl: string; statements: Statement[] }
  /** Yoga as it comes, or mercurius with its JIT, over a schema of one field. */
  | { kind: 'yoga' | 'mercurius' }
  /** The same two over the schema and resolvers of this server. */
  | { kind: 'our-yoga' | 'our-mercurius'; databaseUrl: string; dataDir: string };

export type Running = { url: string; end(): Promise<void> };

export async function startContender(contender: Contender): Promise<Running> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'contender-process.ts'));
  child.send(contender);
  const [url] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error(`The contender ${contender.kind} ended.`);
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
