/** What the documents refer to exists: files, headings, npm scripts and folders. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { anchorsOf, documents, proseOf, read, root } from './documents.ts';

const linksOf = (path: string) =>
  [...proseOf(path).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

test('the documents are there', () => {
  expect(documents.toSorted()).toEqual([
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'README.md',
    'docs/api-guide.md',
    'docs/authentication-and-credits.md',
    'docs/configuration.md',
    'docs/deployment.md',
    'docs/guarantees.md',
    'docs/observability.md',
    'docs/performance.md',
    'docs/simulator.md',
  ]);
});

test.each(
  documents,
)('%s: every relative link leads to a file or folder of this repository, and to a heading of it', (path) => {
  const broken = linksOf(path).filter((link) => {
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : normalize(join(dirname(path), file));
    if (target.startsWith('..') || !existsSync(join(root, target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test.each(documents)('%s: every path of a source or test that it names exists', (path) => {
  // The changelog also names what a version has removed.
  if (path === 'CHANGELOG.md') return;
  const named = [...read(path).matchAll(/(?<![\w/.])(?:src|test|scripts|prisma|docs)\/[\w/.-]*[\w/]/g)].map(
    ([name]) => name,
  );
  expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
});

test.each(documents)('%s: every npm script that it names exists', (path) => {
  if (path === 'CHANGELOG.md') return;
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [...read(path).matchAll(/npm run (?:--silent )?([a-z][\w:-]*)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('README.md is short, and links to every other document', () => {
  expect(statSync(join(root, 'README.md')).size).toBeLessThanOrEqual(8 * 1024);
  expect(linksOf('README.md')).toEqual(expect.arrayContaining(documents.filter((path) => path !== 'README.md')));
});

test('the pictures are small and used', () => {
  const folder = join(root, 'docs/images');
  const names = readdirSync(folder);
  expect(names.map((name) => statSync(join(folder, name)).size).reduce((sum, size) => sum + size)).toBeLessThan(
    1_500_000,
  );
  const linked = documents.flatMap((path) => linksOf(path)).join('\n');
  expect(names.filter((name) => !linked.includes(`images/${name}`))).toEqual([]);
});

test('each guarantee names at least one test file', () => {
  const rows = read('docs/guarantees.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| Promise'));
  expect(rows.length).toBeGreaterThan(25);
  expect(rows.filter((line) => !/\]\(\.\.\/test\/[\w/.-]+\.ts\)/.test(line))).toEqual([]);
});

test('ARCHITECTURE.md names every folder of src/', () => {
  const folders = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${join(entry.parentPath, entry.name).slice(join(root, 'src').length + 1)}/`);
  const map = read('ARCHITECTURE.md');
  expect(folders.length).toBeGreaterThan(20);
  expect(folders.filter((folder) => !map.includes(`\`${folder}\``))).toEqual([]);
});
