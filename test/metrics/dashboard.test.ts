/** The dashboard shows what there is: each metric that it asks for is in /metrics, and each of ours is on it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { startLikeness } from '../support/likeness.ts';
import { readExposition, typesOf } from './exposition.ts';

const file = join(import.meta.dirname, '../../docs/grafana/likeness.json');

const datasource = z.object({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
const panel = z.object({
  id: z.number(),
  type: z.enum(['row', 'stat', 'timeseries']),
  title: z.string().min(1),
  gridPos: z.object({ x: z.number().min(0), y: z.number().min(0), w: z.number().max(24), h: z.number().min(1) }),
  datasource: datasource.optional(),
  targets: z.array(z.object({ refId: z.string(), datasource, expr: z.string().min(1) })).default([]),
});
const model = z.object({
  uid: z.string(),
  title: z.string(),
  schemaVersion: z.number(),
  panels: z.array(panel),
  templating: z.object({ list: z.array(z.object({ name: z.string(), definition: z.string().optional() })) }),
});
const dashboard = model.parse(JSON.parse(readFileSync(file, 'utf8')));
const queries = [
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.flatMap(({ definition }) => definition ?? []),
];

/** The metrics that a query names, and the labels that it chooses and groups by. */
const namesIn = (query: string) => query.match(/\b(likeness|nodejs|process)_\w+/g) ?? [];
const labelsIn = (query: string) => [
  ...[...query.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label),
  ...[...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = '']) =>
    labels.split(',').map((label) => label.trim()),
  ),
];

async function exposed() {
  const likeness = await startLikeness({ manual: true });
  onTestFinished(() => likeness.close());
  // What has labels shows with its first observation.
  await likeness.client.startGeneration({ avatarId: await likeness.client.importStyle() });
  await likeness.worker.tick();
  const text = await (await fetch(`${likeness.url}/metrics`)).text();
  return { samples: readExposition(text), types: typesOf(text) };
}

test('every metric and label that it asks for is there, and every one of ours is on it', async () => {
  const { samples, types } = await exposed();
  const series = new Set(samples.map(({ name }) => name));
  expect(queries.length).toBeGreaterThan(20);
  expect(queries.flatMap(namesIn).filter((name) => !series.has(name))).toEqual([]);

  const base = (name: string) => name.replace(/_(bucket|count|sum)$/, '');
  const shown = new Set(queries.flatMap(namesIn).map(base));
  const ours = [...types.keys()].filter((name) => name.startsWith('likeness_'));
  expect(ours.length).toBeGreaterThan(10);
  expect(ours.filter((name) => !shown.has(name))).toEqual([]);

  // Prometheus itself says which process it was.
  const ofScrape = ['job', 'instance'];
  for (const query of queries) {
    const asked = samples.filter(({ name }) => new Set<string>(namesIn(query)).has(name));
    const labels = new Set([...ofScrape, ...asked.flatMap((sample) => Object.keys(sample.labels))]);
    expect([query, labelsIn(query).filter((label) => !labels.has(label))]).toEqual([query, []]);
  }
});

test('its panels have a place and a number each, and ask the source that is chosen', () => {
  const ids = dashboard.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, n) => `${x + (n % w)} ${y + Math.floor(n / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(dashboard.panels.filter(({ type, targets }) => type !== 'row' && targets.length === 0)).toEqual([]);
});
