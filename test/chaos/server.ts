/** The server as a process that is killed and started again, always at the same address. */
import { killWhileStarting, type ServerProcess, startProcess } from '../support/process.ts';

export type MortalServer = {
  url: string;
  /** Of what runs now. */
  readonly pids: number[];
  readonly kills: number;
  /** Ends on SIGTERM, in between. */
  readonly drains: number;
  /** From a start after a kill until the server is there again, the longest of all. */
  readonly slowestRecoveryMs: number;
  /** kill -9, and a new start; with numbers, after starts that were killed too, each so many milliseconds in. */
  killAndStart(killedStartsMs: number[]): Promise<void>;
  /** SIGTERM, and a new start. */
  drainAndStart(): Promise<void>;
  start(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Lines that were logged as errors, without what differs from one to the next. */
  errors(): string[];
};

export async function startMortal(env: Record<string, string>): Promise<MortalServer> {
  let server: ServerProcess = await startProcess(env);
  const before: string[] = [];
  const mortal = {
    url: server.url,
    get pids() {
      return [server.pid];
    },
    kills: 0,
    drains: 0,
    slowestRecoveryMs: 0,
    async killAndStart(killedStartsMs: number[]) {
      await server.end('SIGKILL');
      mortal.kills += 1 + killedStartsMs.length;
      for (const afterMs of killedStartsMs) await killWhileStarting(env, afterMs);
      const at = performance.now();
      await mortal.start();
      mortal.slowestRecoveryMs = Math.max(mortal.slowestRecoveryMs, performance.now() - at);
    },
    async drainAndStart() {
      await server.end('SIGTERM');
      mortal.drains += 1;
      await mortal.start();
    },
    async start() {
      before.push(...errorsIn(server.output()));
      server = await startProcess(env);
    },
    stop: () => server.end('SIGTERM'),
    errors: () => [...before, ...errorsIn(server.output())],
  };
  return mortal;
}

function errorsIn(output: string): string[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      const { level, msg, err } = JSON.parse(line) as { level: number; msg?: string; err?: { message?: string } };
      return level >= 50 ? [`${msg ?? ''}: ${err?.message ?? ''}`] : [];
    } catch {
      // Cut off by a kill.
      return [];
    }
  });
}
