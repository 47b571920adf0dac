/** `npm run demo` as a user runs it: in a separate process, against a real server with simulated fal. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { freePort } from '../support/process.ts';

export type Demo = { child: ChildProcess; output: () => string; ended: Promise<number | null>; out: string };

/** The environment without the settings of the person who runs the tests. */
const own = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => ['PATH', 'HOME', 'TMPDIR'].includes(name)),
);

/** Starts the demo with a new folder for the pictures. It is killed when the test is over. */
export function runDemo(flags: string[], env: Record<string, string> = {}, presets = 'FAST,LANDSCAPE,ULTRA'): Demo {
  const out = join(temporaryFolder(), 'pictures');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'src/demo/main.ts', '--out', out, '--presets', presets, ...flags],
    { env: { ...own, FAL_SIMULATOR_SPEED: 'instant', ...env } },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  const listen = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, output: () => output, ended, out };
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-demo-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A URL where nothing listens. */
export const freeUrl = async () => `http://127.0.0.1:${await freePort()}`;

export const printed = (demo: Demo, words: string) =>
  vi.waitFor(() => expect(demo.output()).toContain(words), { interval: 20 });

export const isUp = (url: string) =>
  fetch(`${url}/health`).then(
    () => true,
    () => false,
  );

/** What the demo draws. */
export const pictures = [
  'ada-fast.jpg',
  'ada-landscape.jpg',
  'woodcut-fast.jpg',
  'woodcut-landscape.jpg',
  'woodcut-ultra.jpg',
];
