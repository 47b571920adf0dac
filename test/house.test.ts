/** The house: which room may import which. DESIGN in one picture, held by reading the imports. */
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

const features = ['avatar', 'photo', 'training', 'generation', 'image', 'retry', 'user', 'instance'];
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
  /(^|\/)schema\.ts$/.test(path) ||
  ['builder.ts', 'columns.ts', 'refusals.ts', 'server.ts', 'start.ts', 'context.ts'].includes(path) ||
  path.startsWith('server/') ||
  path.startsWith('demo/');

test('own.ts alone says what is a caller’s: no other file puts the viewer beside an owner’s column', () => {
  const others = files.filter(({ path }) => path !== 'own.ts');
  expect(others.filter(({ text }) => /ownerId: (\w+\.)*viewer\.id/.test(text)).map(({ path }) => path)).toEqual([]);
  expect(files.find(({ path }) => path === 'own.ts')?.text).toContain('ownerId: id');
});

test('reads the imports that there are', () => {
  expect(files.length).toBeGreaterThan(100);
  expect(files.find(({ path }) => path === 'job/submit.ts')?.own).toContain('fal/errors.ts');
});

describe('arrows point one way', () => {
  test('job, event, fal, storage and database know no feature', () => {
    expect(
      arrows(
        ({ room }) => ['job', 'event', 'fal', 'storage', 'database', 'access'].includes(room),
        (target) => inRoom(target, features),
      ),
    ).toEqual([]);
  });

  test('event, fal, storage and database know nothing of jobs, and the log nothing of fal', () => {
    expect(
      arrows(
        ({ room }) => ['event', 'fal', 'storage', 'database'].includes(room),
        (target) => inRoom(target, ['job']),
      ),
    ).toEqual([]);
    expect(
      arrows(
        ({ room }) => room === 'event',
        (target) => inRoom(target, ['fal', 'storage']),
      ),
    ).toEqual([]);
  });

  test('features lean on avatar and training, never back', () => {
    const leans: Record<string, string[]> = {
      avatar: [],
      photo: ['avatar'],
      training: ['avatar', 'photo'],
      generation: ['avatar', 'image'],
      image: ['generation'],
      retry: ['generation', 'training'],
      user: [],
      instance: ['generation', 'photo', 'training'],
    };
    expect(
      arrows(
        ({ room }) => features.includes(room),
        (target, { room }) =>
          inRoom(target, features) && roomOf(target) !== room && !leans[room]?.includes(roomOf(target)),
      ),
    ).toEqual([]);
  });

  test('a job knows its account and its price, and nothing else of the ledger', () => {
    expect(
      arrows(
        ({ room }) => room === 'job',
        (target) => inRoom(target, ['ledger', 'apikey']) && !/^ledger\/(account|prices)\.ts$/.test(target),
      ),
    ).toEqual([]);
  });

  test('who watches is known by nobody but the start, and knows no feature', () => {
    expect(
      arrows(
        ({ room, path }) => room !== 'watch' && path !== 'start.ts',
        (target) => inRoom(target, ['watch']),
      ),
    ).toEqual([]);
    expect(
      arrows(
        ({ room }) => room === 'watch',
        (target) => inRoom(target, features),
      ),
    ).toEqual([]);
  });

  test('within a room, rules import neither commands nor schemas, and commands no schema', () => {
    expect(
      arrows(
        ({ path }) => path.endsWith('/rules.ts'),
        (target) => /\/(commands|schema)\.ts$/.test(target),
      ),
    ).toEqual([]);
    expect(
      arrows(
        ({ path }) => path.endsWith('/commands.ts'),
        (target) => target.endsWith('schema.ts'),
      ),
    ).toEqual([]);
  });

  test('only schema files, the builder and the server know GraphQL', () => {
    // Its event target is a PUBLISH and a SUBSCRIBE, and nothing of GraphQL.
    const graphql = /^(graphql|graphql-\w+|@pothos\/|@graphql-yoga\/(?!redis-event-target))/;
    expect(
      arrows(
        ({ path }) => !knowsGraphQL(path) && !['global-id.ts', 'access/description.ts'].includes(path),
        (target) => graphql.test(target),
      ),
    ).toEqual([]);
    expect(
      arrows(
        ({ path }) => !knowsGraphQL(path),
        (target) => target === 'builder.ts' || /(^|\/)schema\.ts$/.test(target),
      ),
    ).toEqual([]);
  });

  test('nothing imports what stands above it', () => {
    const above = ['main.ts', 'start.ts', 'schema.ts', 'server.ts', 'serve.ts'];
    const allowed: Record<string, string[]> = {
      'main.ts': ['start.ts'],
      'start.ts': ['schema.ts', 'server.ts', 'serve.ts'],
    };
    expect(
      arrows(
        () => true,
        (target, { path }) => above.includes(target) && !allowed[path]?.includes(target),
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

  test('Prometheus is told by watch/ alone, and spans are made by trace.ts', () => {
    expect(importers(/^prom-client/).filter((path) => !path.startsWith('watch/'))).toEqual([]);
    expect(importers(/^@opentelemetry\//)).toEqual(['trace.ts', 'watch/tracing.ts']);
  });

  test('the simulated fal imports nothing of ours but the endpoints', () => {
    expect(
      arrows(
        ({ path }) => path.startsWith('fal/simulator/'),
        (target) => target.endsWith('.ts') && target !== 'fal/endpoints.ts' && !target.startsWith('fal/simulator/'),
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

  test('process.env is read by env.ts alone', () => {
    const readers = files.filter(
      ({ text, room }) => room !== 'demo' && /\bprocess\.env\b/.test(text.replace(/\/\*[^]*?\*\//g, '')),
    );
    expect(readers.map(({ path }) => path)).toEqual(['env.ts']);
  });

  test('no drawer for odds and ends', () => {
    expect(
      files.filter(({ path }) => /(^|\/)(utils?|helpers?|services?|types|common|misc|index)(\.ts|\/)/.test(path)),
    ).toEqual([]);
  });
});
