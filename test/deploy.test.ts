/** What Dockerfile and compose.yaml say about this tree. No container is started here: `npm run cluster` starts the same parts from this machine. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readSettings, settings } from '../src/app/config.ts';

const root = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } };

type Service = { environment?: Record<string, string | number>; depends_on?: object; stop_grace_period?: string };
const { services } = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, Service> };
const env = services['likeness-1']?.environment ?? {};

test('two processes are equal, and each setting is one that there is', () => {
  expect(services['likeness-2']).toEqual(services['likeness-1']);
  expect(Object.keys(env).filter((name) => !(name in settings.shape))).toEqual([]);
});

test('with those settings a server starts, asks who calls, and trusts its balancer', () => {
  const given = Object.entries(env).map(([name, value]) => [
    name,
    String(value).replace(/\$\{(\w+)(?::-([^}]*)|:\?[^}]*)\}/g, (_all, of: string, or?: string) => or ?? `a-${of}`),
  ]);
  const read = readSettings({ NODE_ENV: 'production', HOST: '0.0.0.0', ...Object.fromEntries(given) });
  expect(read).toMatchObject({ needsAccess: true, FAL_MODE: 'live', TRUSTED_PROXIES: 1, ROLE: 'all' });
  expect(Number.parseInt(services['likeness-1']?.stop_grace_period ?? '', 10)).toBeGreaterThan(read.DRAIN_SECONDS + 10);
});

test('what one service is told of another by name is there', () => {
  const hosts = Object.values(env).flatMap(
    (value) => /\/\/(?:[^@/]*@)?([a-z][\w-]*)[:/]/.exec(String(value))?.[1] ?? [],
  );
  for (const host of hosts.filter((name) => name !== 'localhost')) expect(Object.keys(services)).toContain(host);
  for (const { depends_on: needs = {} } of Object.values(services)) {
    const names = Array.isArray(needs) ? (needs as string[]) : Object.keys(needs);
    for (const name of names) expect(Object.keys(services)).toContain(name);
  }
});

test('the image takes what is in the tree, runs nobody as root, and starts the entry', () => {
  const lines = read('Dockerfile').split('\n');
  const copied = lines.flatMap((line) => /^COPY (.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
  expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  expect(copied).toEqual(expect.arrayContaining(['package.json', 'package-lock.json', 'prisma', 'src']));
  expect(lines.indexOf('USER node')).toBeGreaterThan(lines.findIndex((line) => line.startsWith('RUN npm ci')));
  expect(lines.indexOf('COPY src src')).toBeLessThan(lines.indexOf('RUN node scripts/build.js'));
  const start = manifest.scripts.start.split(' ');
  expect(JSON.parse(String(lines.find((line) => line.startsWith('CMD'))).slice(4))).toEqual(start);
  expect(lines.some((line) => line.startsWith('HEALTHCHECK'))).toBe(true);
});
