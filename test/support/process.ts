/** What `npm start` starts, as a process of its own, which a test may kill. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { write } from './said.ts';

const root = join(import.meta.dirname, '../..');
let isBuilt = false;

export type ServerProcess = {
  url: string;
  pid: number;
  /** What it has said. */
  output(): string;
  /** Resolves when it has ended, by whatever. */
  ended: Promise<void>;
  /** Sends a signal and resolves with the exit code, or null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
};

/** Resolves when the server says where it is; throws what it said when it ends before. */
export async function startProcess(env: Record<string, string>): Promise<ServerProcess> {
  const { child, output } = spawnServer(env);
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', () => {
      const found = /(?:Graphi?QL|Health) is at (\S+)\/(?:graphql|health)|"url":"([^"]+)"/.exec(output());
      if (found !== null) resolve(found[1] ?? found[2] ?? '');
    });
    child.once('exit', (code) => reject(new Error(`The server ended with ${code}:\n${output()}`)));
  });
  return {
    url,
    pid: child.pid ?? 0,
    output,
    ended: once(child, 'exit').then(() => undefined),
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exit = once(child, 'exit');
      child.kill(signal);
      const [code] = await exit;
      return code;
    },
  };
}

/** A server with an instant simulator on this data folder. It is killed when the test is over. */
export async function startOn(dataDir: string, env: Record<string, string> = {}): Promise<ServerProcess> {
  const server = await startProcess({ DATA_DIR: dataDir, FAL_SIMULATOR_SPEED: 'instant', ...env });
  onTestFinished(async () => void (await server.end('SIGKILL')));
  return server;
}

/** `npm run keys -- …`, to its end. */
export async function runKeys(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const keys = join(import.meta.dirname, '../../src/apikey/main.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', keys, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, stdout, stderr };
}

/** Runs a server that is expected to end by itself. */
export async function runToEnd(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const { child, output } = spawnServer(env);
  const [code] = await once(child, 'exit');
  return { code, output: output() };
}

/** Starts a server and kills it so long after, however far it has come. */
export async function killWhileStarting(env: Record<string, string>, afterMs: number): Promise<void> {
  const { child } = spawnServer(env);
  const exit = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  await exit;
  clearTimeout(timer);
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function spawnServer(env: Record<string, string>): { child: ChildProcess; output: () => string } {
  if (!isBuilt) execFileSync(process.execPath, [join(root, 'scripts/build.js')]);
  isBuilt = true;
  // Not NODE_ENV=test, and no setting of whoever runs the tests.
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, 'dist/server/main.js')], {
    env: { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }), PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      said += String(chunk);
      write(String(chunk));
    });
  return { child, output: () => said };
}
