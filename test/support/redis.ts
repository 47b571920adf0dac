/** A Redis of a test's own, which it may stop and start again at the same port. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { freePort } from './process.ts';

export type TestRedis = { url: string; start(): Promise<void>; stop(): Promise<void> };

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** To be called once in a file that needs it: says by name what does not run. */
export function tellSkippedRedis(): void {
  it.for(hasRedis ? [] : ['redis-server'])('is skipped without %s', (_what, context) => {
    context.skip();
    expect.fail('A skipped test goes no further.');
  });
}

/** Started. */
export async function openRedisServer(): Promise<TestRedis> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  const redis: TestRedis = {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
      const started = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'ignore'] });
      child = started;
      await new Promise<void>((resolve, reject) => {
        started.stdout.on('data', (data) => String(data).includes('Ready to accept connections') && resolve());
        started.once('exit', (code) => reject(new Error(`redis-server ended with ${code}.`)));
      });
    },
    async stop() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
  await redis.start();
  return redis;
}
