/** The tables of the documents say what the code says: settings, error codes, close codes, limits, prices and metrics. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloseCode } from 'graphql-ws';
import { expect, test } from 'vitest';
import { settings } from '../../src/app/config.ts';
import { maxPromptLength } from '../../src/generation/rules.ts';
import { isRetryable } from '../../src/job/state.ts';
import { priceTenths } from '../../src/ledger/prices.ts';
import { photoLimits } from '../../src/photo/rules.ts';
import { defaultLimits } from '../../src/runtime/limits.ts';
import { tooManySockets, unavailable } from '../../src/server/websocket/protocol.ts';
import { slowConsumer } from '../../src/server/websocket/socket.ts';
import { photoLimits as trainingPhotos } from '../../src/training/rules.ts';
import { root, tableUnder } from './documents.ts';

const guide = 'docs/api-guide.md';

/** All text between backticks in a cell. */
const codesIn = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(root, 'src', name), 'utf8') }));

test('docs/configuration.md: every setting with its default, in the order of app/config.ts, and no other', () => {
  const documented = tableUnder('docs/configuration.md', 'Settings').map(([name, fallback]) => [
    codesIn(name)[0],
    codesIn(fallback)[0],
  ]);
  const defaults = settings.partial().parse({});
  const actual = Object.keys(settings.shape).map((name) => {
    const value = defaults[name as keyof typeof defaults];
    return [name, value === undefined ? undefined : String(value)];
  });
  expect(documented).toEqual(actual);
});

test('docs/api-guide.md: every code of a failed job, and whether it is retryable', () => {
  const documented = tableUnder(guide, 'Why a job failed').map(([name, retryable]) => [
    codesIn(name)[0],
    retryable === 'yes',
  ]);
  expect(Object.fromEntries(documented)).toEqual(isRetryable);
});

test('docs/api-guide.md: every code with which the server closes a WebSocket', () => {
  const documented = tableUnder(guide, 'Close codes of a WebSocket').map(([number]) => Number(number));
  // The server never uses the first; the others are used by clients only.
  const unused = [
    CloseCode.InternalServerError,
    CloseCode.InternalClientError,
    CloseCode.BadResponse,
    CloseCode.ConnectionAcknowledgementTimeout,
  ];
  const used = Object.values(CloseCode).filter(
    (number): number is CloseCode => typeof number === 'number' && !unused.includes(number),
  );
  expect(new Set(documented)).toEqual(new Set([1001, 1009, slowConsumer.code, tooManySockets, unavailable, ...used]));
});

test('docs/api-guide.md: every code of an error outside the unions that the server writes', () => {
  const documented = tableUnder(guide, 'Errors outside the unions').flatMap(([codes]) => codesIn(codes));
  const written = sources
    .filter(({ name }) => /^(server|graphql|events)\/|\.graphql\.ts$/.test(name))
    .flatMap(({ text }) => [
      ...text.matchAll(/(?:HttpError\(\s*\d+,\s*|extensions: \{ code: |extensions = \{ code: )'([A-Z_]+)'/g),
    ])
    .map(([, code = '']) => code);
  expect(written.length).toBeGreaterThan(10);
  expect([...new Set(written)].filter((code) => !documented.includes(code))).toEqual([]);
});

test('docs/api-guide.md: the limits in force', () => {
  const limits = new Map(tableUnder(guide, 'Limits').map(([what = '', limit = '']) => [what, limit]));
  const { requestBytes, uploadBytes, uploadFiles, documentTokens, documentDepth, documentCost } = defaultLimits;
  const { documentAliases, documentDirectives, operationsPerSocket, socketsPerOwner, uploadsPerOwner } = defaultLimits;
  const { operationsPerMinute, requestsPerAddress } = defaultLimits;
  const number = (value: number) => value.toLocaleString('en');
  expect(limits.get('prompt, with the trigger')).toBe(`1 to ${maxPromptLength} characters`);
  expect(limits.get('photos to train with')).toBe(`${trainingPhotos.min} to ${trainingPhotos.max}`);
  const { maxBytes, maxPixels, minSide } = photoLimits;
  expect(limits.get('photo')).toContain(
    `up to ${maxBytes / 1e6} MB and ${maxPixels / 1e6} megapixels, at least ${minSide} pixels`,
  );
  expect(limits.get('request without files, and one WebSocket message')).toBe(`${requestBytes / 1024 ** 2} MiB`);
  expect(limits.get('request with files')).toBe(`${uploadBytes / 1e6} MB, ${uploadFiles} files`);
  expect(limits.get('GraphQL document')).toBe(`${number(documentTokens)} tokens, ${documentDepth} levels deep`);
  expect(documentAliases).toBe(documentDirectives);
  expect(limits.get('aliases and directives of a document')).toBe(`${documentAliases} of each`);
  expect(limits.get('fields that an answer may hold, each list counted at its longest')).toBe(number(documentCost));
  expect(limits.get('operations of one owner a minute')).toMatch(number(operationsPerMinute));
  expect(limits.get('requests of one address a minute')).toMatch(number(requestsPerAddress));
  expect(limits.get('WebSockets and event streams of one owner at a time')).toBe(`${socketsPerOwner} on each process`);
  expect(limits.get('uploads of one owner at a time')).toBe(`${uploadsPerOwner} on each process`);
  expect(limits.get('operations on one WebSocket')).toBe(String(operationsPerSocket));
});

test('docs/authentication-and-credits.md: the prices', () => {
  const documented = tableUnder('docs/authentication-and-credits.md', 'Credits').map(
    ([, credits]) => 10 * Number(credits),
  );
  expect(documented).toEqual([
    priceTenths('fal-ai/flux-lora-portrait-trainer', 1),
    priceTenths('fal-ai/flux-lora', 1),
    priceTenths('fal-ai/flux-pro/v1.1-ultra-finetuned', 1),
  ]);
});

test('docs/observability.md: every metric with its labels', () => {
  const documented = tableUnder('docs/observability.md', 'Metrics').map(([name, labels]) => [
    codesIn(name)[0],
    codesIn(labels),
  ]);
  const text = sources
    .filter(({ name }) => /^metrics\/(metrics|gauges)\.ts$/.test(name))
    .map((source) => source.text)
    .join('\n');
  const actual = [...text.matchAll(/name: '(likeness_\w+)',[^}]*?(?=registers)/g)].map(([config, name]) => [
    name,
    [...(/labelNames: \[(.*?)\]/.exec(config)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(([, label]) => label),
  ]);
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(actual));
});
