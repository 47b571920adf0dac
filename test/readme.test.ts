/** README.md says what is so: its settings, scripts, codes, limits and files are those of the code, and its example runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CloseCode } from 'graphql-ws';
import { expect, onTestFinished, test } from 'vitest';
import { settings } from '../src/app/config.ts';
import { maxPromptLength } from '../src/generation/rules.ts';
import { isRetryable } from '../src/job/state.ts';
import { photoLimits } from '../src/photo/rules.ts';
import { defaultLimits } from '../src/server/limits/limits.ts';
import { tooManySockets, unavailable } from '../src/server/websocket/protocol.ts';
import { slowConsumer } from '../src/server/websocket/socket.ts';
import { photoLimits as trainingPhotos } from '../src/training/rules.ts';
import { startLikeness } from './support/likeness.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The first table under a heading: the cells of each row, without the head. */
function tableUnder(heading: string): string[][] {
  const section = readme.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** What stands in a cell between backticks, or nothing. */
const code = (cell = '') => /^`(.*)`$/.exec(cell)?.[1];

test('every setting with its default, and no other', () => {
  const said = tableUnder('Settings').map(([name, fallback]) => [code(name), code(fallback)]);
  const defaults = settings.partial().parse({});
  const actual = Object.keys(settings.shape).map((name) => {
    const value = defaults[name as keyof typeof defaults];
    return [name, value === undefined ? undefined : String(value)];
  });
  expect(said).toEqual(actual);
});

test('every code of a failed job, and whether it is retryable', () => {
  const said = tableUnder('Why a job failed').map(([name, retryable]) => [code(name), retryable === 'yes']);
  expect(Object.fromEntries(said)).toEqual(isRetryable);
});

test('the codes that a socket is closed with', () => {
  const said = tableUnder('When the socket closes').map(([number]) => Number(number));
  // Not said: what no client of this version meets, and what only the client itself gives.
  const unmet = [CloseCode.InternalServerError, CloseCode.InternalClientError];
  const own = [CloseCode.BadResponse, CloseCode.ConnectionAcknowledgementTimeout];
  const ours = Object.values(CloseCode).filter(
    (number): number is CloseCode => typeof number === 'number' && ![...unmet, ...own].includes(number),
  );
  expect(new Set(said)).toEqual(new Set([1001, 1009, slowConsumer.code, tooManySockets, unavailable, ...ours]));
});

test('the limits in force', () => {
  const limits = new Map(tableUnder('Limits').map(([what = '', number = '']) => [what, number]));
  const { requestBytes, uploadBytes, uploadFiles, documentTokens, documentDepth, operationsPerSocket } = defaultLimits;
  expect(limits.get('prompt, with the trigger')).toBe(`1 to ${maxPromptLength} characters`);
  expect(limits.get('photos to train with')).toBe(`${trainingPhotos.min} to ${trainingPhotos.max}`);
  const { maxBytes, maxPixels, minSide } = photoLimits;
  expect(limits.get('photo')).toContain(
    `up to ${maxBytes / 1e6} MB and ${maxPixels / 1e6} megapixels, at least ${minSide} pixels`,
  );
  expect(limits.get('request without files')).toBe(`${requestBytes / 1024 ** 2} MiB`);
  expect(limits.get('request with files')).toBe(`${uploadBytes / 1e6} MB, ${uploadFiles} files`);
  expect(limits.get('GraphQL document')).toBe(
    `${documentTokens.toLocaleString('en')} tokens, ${documentDepth} levels deep`,
  );
  expect(limits.get('operations on one socket')).toBe(String(operationsPerSocket));
  const { documentAliases, documentDirectives, documentCost, socketsPerOwner, uploadsPerOwner } = defaultLimits;
  expect([documentAliases, documentDirectives]).toEqual([30, 30]);
  expect(limits.get('aliases and directives of a document')).toBe('30 of each');
  const cost = limits.get('fields that an answer may hold, each list counted as long as it may be');
  expect(cost).toBe(documentCost.toLocaleString('en'));
  expect(limits.get('sockets and event streams of one owner at a time')).toBe(`${socketsPerOwner} on each process`);
  expect(limits.get('uploads of one owner at a time')).toBe(`${uploadsPerOwner} on each process`);
  const { operationsPerMinute, requestsPerAddress } = defaultLimits;
  expect(limits.get('operations of one owner a minute')).toMatch(operationsPerMinute.toLocaleString('en'));
  expect(limits.get('requests of one address a minute')).toMatch(requestsPerAddress.toLocaleString('en'));
});

test('scripts that there are', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const said = [...readme.matchAll(/npm run ([a-z-]+)/g)].map(([, name]) => name ?? '');
  expect(said.length).toBeGreaterThan(3);
  expect(said.filter((name) => !(name in scripts))).toEqual([]);
});

test('files that there are', () => {
  const linked = [...readme.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  const named = [...readme.matchAll(/\b(?:test|src)\/[\w/.-]+\.ts\b/g)].map(([path]) => path);
  const local = [...linked.filter((target) => !target.startsWith('http')), ...named];
  expect(local.length).toBeGreaterThan(20);
  expect(local.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test('pictures that are not too heavy', () => {
  const folder = join(root, 'docs/images');
  const bytes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(1_500_000);
});

test('an example that follows a job to its end', async () => {
  const likeness = await startLikeness();
  onTestFinished(() => likeness.close());
  const imported = await likeness.gql<{ importAvatar: { id: string } }>(
    'mutation { importAvatar(input: { style: { name: "Ink", finetuneId: "ink", triggerWord: "INK" } }) { ... on StyleAvatar { id } } }',
  );
  const started = await likeness.gql<{ startGeneration: { id: string } }>(
    'mutation ($input: StartGenerationInput!) { startGeneration(input: $input) { ... on Generation { id } } }',
    { input: { avatarId: imported.data?.importAvatar.id, prompt: 'a fox' } },
  );
  const example = /```js\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', example, 'follow.mjs', started.data?.startGeneration.id ?? ''],
    { cwd: root, env: { ...process.env, LIKENESS_URL: `${likeness.url.replace('http', 'ws')}/graphql` } },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  const [exitCode] = await once(child, 'close');
  expect([exitCode, said]).toEqual([0, expect.stringMatching(/JobQueued.*JobSubmitted.*Job(Succeeded|Failed)/s)]);
});
