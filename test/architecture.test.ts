/** Which folder of src/ may import which, read from the imports. ARCHITECTURE.md draws the same picture. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const source = join(root, 'src');

type File = { path: string; room: string; text: string; own: string[]; packages: string[] };

const files: File[] = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(join(source, name), 'utf8');
    const specifiers = [...text.matchAll(/^(?:import|export)\b[^;]*?['"]([^'"]+)['"];/gms)].map(
      ([, specifier = '']) => specifier,
    );
    return {
      path: name,
      room: name.includes('/') ? (name.split('/')[0] ?? '') : name,
      text,
      own: specifiers
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => relative(source, resolve(source, name, '..', specifier))),
      packages: specifiers.filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:')),
    };
  });

const features = ['avatar', 'photo', 'training', 'generation', 'image', 'user', 'apikey', 'ledger', 'instance'];
/** What every folder may use of app/: types and settings. The rest of app/ stands above everything. */
const appForAll = ['app/app.ts', 'app/config.ts', 'refusal/refusal.ts'];
const roomOf = (path: string) => (path.includes('/') ? (path.split('/')[0] ?? '') : path);
const inRoom = (path: string, rooms: string[]) => rooms.includes(roomOf(path));
/** The arrows that leave some files and may not be there, as `from → to`. */
const arrows = (from: (file: File) => boolean, isWrong: (target: string, file: File) => boolean) =>
  files
    .filter(from)
    .flatMap((file) =>
      [...file.own, ...file.packages]
        .filter((target) => isWrong(target, file))
        .map((target) => `${file.path} → ${target}`),
    );
const knowsGraphQL = (path: string) =>
  path.endsWith('.graphql.ts') || ['graphql', 'server', 'demo'].includes(roomOf(path));

test('access/ownership.ts alone says what is a caller’s: no other file puts the viewer beside an owner’s column', () => {
  const others = files.filter(({ path }) => path !== 'access/ownership.ts');
  expect(others.filter(({ text }) => /ownerId: (\w+\.)*viewer\.id/.test(text)).map(({ path }) => path)).toEqual([]);
  expect(files.find(({ path }) => path === 'access/ownership.ts')?.text).toContain('ownerId: id');
});

test('reads the imports that there are', () => {
  expect(files.length).toBeGreaterThan(100);
  expect(files.find(({ path }) => path === 'job/runner/submit.ts')?.own).toContain('fal/errors.ts');
});

describe('arrows point one way', () => {
  test('the parts beneath the features know no feature', () => {
    const allowed = /^ledger\/(account|prices)\.ts$/;
    expect(
      arrows(
        ({ room }) =>
          [
            'job',
            'events',
            'fal',
            'storage',
            'database',
            'redis',
            'access',
            'graphql',
            'runtime',
            'remote-file',
          ].includes(room),
        (target, { room }) => inRoom(target, features) && !(room === 'job' && allowed.test(target)),
      ),
    ).toEqual([]);
  });

  test('events, fal, storage and database know nothing of jobs, and the log nothing of fal', () => {
    expect(
      arrows(
        ({ room }) => ['events', 'fal', 'storage', 'database', 'remote-file'].includes(room),
        (target) => inRoom(target, ['job']),
      ),
    ).toEqual([]);
    expect(
      arrows(
        ({ room }) => room === 'events',
        (target) => inRoom(target, ['fal', 'storage']),
      ),
    ).toEqual([]);
  });

  test('features lean on avatar and training, never back', () => {
    const leans: Record<string, string[]> = {
      avatar: [],
      photo: ['avatar'],
      training: ['avatar', 'photo', 'ledger'],
      generation: ['avatar', 'image', 'ledger'],
      image: ['generation'],
      user: ['ledger'],
      apikey: ['user'],
      ledger: ['user'],
      instance: ['generation', 'photo', 'training', 'ledger'],
    };
    expect(
      arrows(
        ({ room }) => features.includes(room),
        (target, { room }) =>
          inRoom(target, features) && roomOf(target) !== room && !leans[room]?.includes(roomOf(target)),
      ),
    ).toEqual([]);
  });

  test('metrics and trace exporters are known by the start alone, and know no feature', () => {
    expect(
      arrows(
        ({ room, path }) => room !== 'observability' && path !== 'app/start.ts',
        (target) => inRoom(target, ['observability']) && target !== 'tracing/trace.ts',
      ),
    ).toEqual([]);
    expect(
      arrows(
        ({ room }) => room === 'metrics' || room === 'tracing',
        (target) => inRoom(target, features) && target !== 'ledger/prices.ts',
      ),
    ).toEqual([]);
  });

  test('within a room, rules import neither commands nor GraphQL, and commands no GraphQL', () => {
    expect(
      arrows(
        ({ path }) => path.endsWith('/rules.ts'),
        (target) => target.endsWith('/commands.ts') || target.endsWith('.graphql.ts'),
      ),
    ).toEqual([]);
  });

  test('only *.graphql.ts, graphql/ and server/ know GraphQL', () => {
    // Its event target is a PUBLISH and a SUBSCRIBE, and nothing of GraphQL.
    const graphql = /^(graphql$|graphql-\w+|@pothos\/|@graphql-yoga\/(?!redis-event-target))/;
    const exempt = ['app/schema.ts', 'app/context.ts'];
    expect(
      arrows(
        ({ path }) => !knowsGraphQL(path) && !exempt.includes(path),
        (target) =>
          (graphql.test(target) && target !== 'graphql/global-id.ts') ||
          target.endsWith('.graphql.ts') ||
          (inRoom(target, ['graphql']) && target !== 'graphql/global-id.ts'),
      ),
    ).toEqual([]);
  });

  test('the server knows no feature, and is known by the start alone', () => {
    expect(
      arrows(
        ({ room }) => room === 'server',
        (target) => inRoom(target, [...features, 'job']),
      ),
    ).toEqual([]);
    const types = ['server/limits/limits.ts', 'server/http/caller.ts', 'server/http/metrics-hooks.ts'];
    expect(
      arrows(
        ({ room }) => room !== 'server' && room !== 'app',
        (target) => inRoom(target, ['server']) && !types.includes(target),
      ),
    ).toEqual([]);
  });

  test('nothing imports what stands above it', () => {
    expect(
      arrows(
        ({ room }) => room !== 'app',
        (target, { path }) =>
          target === 'main.ts' || (inRoom(target, ['app']) && !appForAll.includes(target) && !path.endsWith('main.ts')),
      ),
    ).toEqual([]);
  });

  test('no circle', () => {
    const own = new Map(files.map((file) => [file.path, file.own]));
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (path: string, trail: string[]) => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      if (done.has(path) || trail.includes(path)) return;
      for (const target of own.get(path) ?? []) walk(target, [...trail, path]);
      done.add(path);
    };
    for (const { path } of files) walk(path, []);
    expect(circles).toEqual([]);
  });
});

describe('one door each', () => {
  const importers = (name: RegExp) =>
    files.filter(({ packages }) => packages.some((specifier) => name.test(specifier))).map(({ path }) => path);

  test('@fal-ai/client is imported by fal/client.ts alone', () => {
    expect(importers(/^@fal-ai\/client/)).toEqual(['fal/client.ts']);
  });

  test('only metrics/ imports Prometheus, and only tracing/ OpenTelemetry', () => {
    expect(importers(/^prom-client/).filter((path) => !path.startsWith('metrics/'))).toEqual([]);
    expect(importers(/^@opentelemetry\//)).toEqual(['tracing/exporter.ts', 'tracing/trace.ts']);
  });

  test('the simulated fal imports nothing of ours but the endpoints', () => {
    expect(
      arrows(
        ({ path }) => path.startsWith('fal-simulator/'),
        (target) => target.endsWith('.ts') && target !== 'fal/endpoints.ts' && !target.startsWith('fal-simulator/'),
      ),
    ).toEqual([]);
  });

  test('the demo is a client like any other', () => {
    expect(
      arrows(
        ({ room }) => room === 'demo',
        (target) => target.endsWith('.ts') && !target.startsWith('demo/'),
      ),
    ).toEqual([]);
  });

  test('process.env is read by app/config.ts alone', () => {
    const readers = files.filter(
      ({ text, room }) => room !== 'demo' && /\bprocess\.env\b/.test(text.replace(/\/\*[^]*?\*\//g, '')),
    );
    expect(readers.map(({ path }) => path)).toEqual(['app/config.ts']);
  });

  test('no drawer for odds and ends', () => {
    expect(
      files.filter(({ path }) => /(^|\/)(utils?|helpers?|services?|types|common|misc|index)(\.ts|\/)/.test(path)),
    ).toEqual([]);
  });
});
