/** The simulated fal in a process of its own, and the settings of a server that works with it and is held back by nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createFalClient, type FalClient } from '@fal-ai/client';
import { simulatorKey } from '../../src/fal-simulator/server.ts';

const main = join(import.meta.dirname, '../../src/fal-simulator/main.ts');

export type FalProcess = {
  url: string;
  /** Of a server that works with it. */
  env: Record<string, string>;
  client: FalClient;
  /** What it has seen: requests that it accepted and calls that it was asked. */
  seen(): Promise<{
    requests: { id: string; acceptedAt: number }[];
    calls: { number: number; kind: string; requestId?: string }[];
  }>;
  end(): Promise<void>;
};

/** At its quickest; or with a clock that stands still, so that nothing which it was sent ever ends. */
export async function startFal(dataDir: string, clock: 'runs' | 'stands' = 'runs'): Promise<FalProcess> {
  const speed = clock === 'runs' ? ['--speed', 'instant'] : ['--speed', 'real', '--hold-clock'];
  const args = ['--import', 'tsx', main, '--port', '0', '--data-dir', dataDir, ...speed];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`The simulated fal ended: ${said}`)));
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      const found = /Simulated fal at (\S+),/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
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
    seen: async () =>
      (await (await fetch(`${url}/__simulator/requests`)).json()) as Awaited<ReturnType<FalProcess['seen']>>,
    async end() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}
