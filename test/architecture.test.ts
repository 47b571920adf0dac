/** Which folder of src/ may import which, read from the imports. ARCHITECTURE.md draws the same picture. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
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

/**
 * The layers of src/, from the bottom up: folders, and files where one belongs to another layer than its folder. A file
 * imports from its own folder and from lower layers; never from a higher one, nor from another folder of its own layer.
 */
const layers = [
  // Ids are text, which commands read without knowing GraphQL.
  ['runtime', 'refusal', 'graphql/global-id.ts'],
  ['database', 'tracing'],
  ['access', 'storage', 'events', 'remote-file'],
  // The language that describes a model.
  ['fal/fields.ts'],
  ['fal/model.ts'],
  // What a model takes, costs and answers. These are data at the bottom, so that fal's table of endpoints is made of them.
  ['generation/models', 'training/models'],
  ['fal', 'redis'],
  ['fal-simulator'],
  // What a job costs, and the account that it is charged to. The rest of ledger/ is a feature like any other.
  ['ledger/prices.ts'],
  ['ledger/account.ts'],
  ['job'],
  ['graphql'],
  ['job/*.graphql.ts'],
  ['server'],
  ['avatar', 'user'],
  ['photo', 'image', 'apikey', 'ledger'],
  ['training', 'generation'],
  ['instance'],
  ['metrics'],
  ['app'],
  ['demo', 'migrate-to-postgres'],
  // The entries of programs.
  ['*/main.ts'],
];
/** A type and no code: the parts that job and the features are handed, so it belongs to job's folder in this order. */
const appType = 'app/app.ts';

const nameInLayers = (path: string): string => {
  if (/(^|\/)main\.ts$/.test(path)) return '*/main.ts';
  if (path === appType) return 'job';
  if (/^job\/.*\.graphql\.ts$/.test(path)) return 'job/*.graphql.ts';
  const names = layers.flat().filter((name) => path === name || path.startsWith(`${name}/`));
  return names.toSorted((one, other) => other.length - one.length)[0] ?? 'none';
};
const layerOf = (name: string) => layers.findIndex((layer) => layer.includes(name));

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
  test('every file is in a layer', () => {
    expect(files.filter(({ path }) => layerOf(nameInLayers(path)) === -1).map(({ path }) => path)).toEqual([]);
  });

  test('a model is data: it imports the language that describes it, and nothing else', () => {
    const lists = ['generation/models/models.ts', 'training/models/models.ts'];
    expect(
      arrows(
        ({ path }) => /^(generation|training)\/models\//.test(path),
        (target, { path }) =>
          !['fal/fields.ts', 'fal/model.ts', 'zod'].includes(target) &&
          !(lists.includes(path) && dirname(target) === dirname(path)),
      ),
    ).toEqual([]);
  });

  test('the id of an endpoint stands in the file of its model, and in no other', () => {
    const others = files.filter(({ path }) => !/^(generation|training)\/models\//.test(path));
    expect(others.filter(({ text }) => /['"]fal-ai\/[\w./-]+['"]/.test(text)).map(({ path }) => path)).toEqual([]);
    expect(others.filter(({ text }) => /['"]flux[A-Z]\w+['"]/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test('no file imports from a higher layer, or from another folder of its own', () => {
    const wrong = arrows(
      () => true,
      (target, { path, own }) => {
        const [from, to] = [nameInLayers(path), nameInLayers(target)];
        return own.includes(target) && !target.startsWith('..') && from !== to && layerOf(to) >= layerOf(from);
      },
    );
    expect(wrong).toEqual([]);
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
    // app/schema.ts puts the API together, and app/context.ts makes the context of its resolvers.
    const start = ['app/schema.ts', 'app/context.ts'];
    expect(
      arrows(
        ({ path }) => !knowsGraphQL(path) && !start.includes(path),
        (target) =>
          (graphql.test(target) && target !== 'graphql/global-id.ts') ||
          target.endsWith('.graphql.ts') ||
          (inRoom(target, ['graphql']) && target !== 'graphql/global-id.ts'),
      ),
    ).toEqual([]);
  });

  test('the server knows no job, and only the start knows the server: others take types from it', () => {
    expect(
      arrows(
        ({ room }) => room === 'server',
        (target) => inRoom(target, ['job']),
      ),
    ).toEqual([]);
    const types = ['server/graphql/operation-context.ts', 'server/http/metrics-hooks.ts'];
    expect(
      arrows(
        ({ room }) => room !== 'server' && room !== 'app',
        (target) => inRoom(target, ['server']) && !types.includes(target),
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
