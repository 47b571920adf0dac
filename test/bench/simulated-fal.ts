/** The simulated fal in a process of its own, and the settings of a server that uses it without waiting for any limit. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createFalClient, type FalClient } from '@fal-ai/client';
import { simulatorKey } from '../../src/fal-simulator/server.ts';

const main = join(import.meta.dirname, '../../src/fal-simulator/main.ts');

export type FalProcess = {
  url: string;
  /** Environment variables for a server that uses this fal. */
  env: Record<string, string>;
  client: FalClient;
  /** The requests that it accepted and the calls that it received. */
  record(): Promise<{
    requests: { id: string; acceptedAt: number }[];
    calls: { number: number; kind: string; requestId?: string }[];
  }>;
  end(): Promise<void>;
};

/** At its highest speed. With a stopped clock, no request ever completes. */
export async function startFal(dataDir: string, clock: 'running' | 'stopped' = 'running'): Promise<FalProcess> {
  const speed = clock === 'running' ? ['--speed', 'instant'] : ['--speed', 'real', '--hold-clock'];
  const args = ['--import', 'tsx', main, '--port', '0', '--data-dir', dataDir, ...speed];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`The simulated fal exited: ${output}`)));
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      const printedUrl = /Simulated fal at (\S+),/.exec(output)?.[1];
      if (printedUrl !== undefined) resolve(printedUrl);
    });
  });
  return {
    url,
    env: {
      FAL_MODE: 'live',
      FAL_KEY: simulatorKey,
      FAL_BASE_URL: url,
      FAL_SUBMITS_PER_MINUTE: '100000',
      FAL_JOBS_AT_ONCE: '100000',
      FAL_STATUS_READS_PER_MINUTE: '1000000',
    },
    client: createFalClient({
      credentials: simulatorKey,
      requestMiddleware: async (request) => {
        const { hostname, pathname, search } = new URL(request.url);
        return {
          ...request,
          url: url + pathname + search,
          headers: { ...request.headers, 'x-fal-sim-host': hostname },
        };
      },
    }),
    record: async () =>
      (await (await fetch(`${url}/__simulator/requests`)).json()) as Awaited<ReturnType<FalProcess['record']>>,
    async end() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}
