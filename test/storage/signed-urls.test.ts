import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { EmbeddedDatabase } from '../../src/database/embedded-database.ts';
import { expiresAt, openSignedUrls, type SignedUrls } from '../../src/storage/signed-urls.ts';
import { openTestDatabase } from '../support/database.ts';

const path = '/files/photos/6f1c';
const minuteMs = 60_000;
const noon = Date.parse('2026-01-01T12:00:00Z');
let clock = noon;
let database: EmbeddedDatabase;
let urls: SignedUrls;
let base = 'http://127.0.0.1:4000';
const open = () => openSignedUrls({ prisma: database.prisma, baseUrl: () => base, now: () => new Date(clock) });

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  clock = noon;
  base = 'http://127.0.0.1:4000';
  urls = await open();
});

test('two processes that start at once share one key of 32 bytes', async () => {
  await database.prisma.secret.deleteMany();
  const [one, two] = await Promise.all([open(), open()]);
  expect(one.sign(path).href).toBe(two.sign(path).href);
  expect((await database.prisma.secret.findMany()).map((secret) => secret.value.length)).toEqual([32]);
});

test('a URL is absolute, with the current base URL', () => {
  expect(urls.sign(path, { width: '256' }).href).toMatch(
    /^http:\/\/127\.0\.0\.1:4000\/files\/photos\/6f1c\?width=256&expires=\d+&signature=[\w-]{43}$/,
  );
  base = 'https://example.com/likeness';
  const proxied = urls.sign(path);
  expect(proxied.pathname).toBe('/likeness/files/photos/6f1c');
  expect(urls.verify(new URL(`http://inside${path}${proxied.search}`))).toBe('OK');
});

test.each([
  0, 1, 299_999, 300_000, 3_599_999,
])('a URL signed %i ms past the hour is valid for 55 to 60 minutes', (pastMs) => {
  clock = noon + pastMs;
  const lasts = expiresAt(urls.sign(path)).getTime() - clock;
  expect(lasts).toBeGreaterThanOrEqual(55 * minuteMs);
  expect(lasts).toBeLessThanOrEqual(60 * minuteMs);
});

test('URLs signed within the same five minutes are equal, later ones are not', () => {
  clock = noon + 1;
  const first = urls.sign(path).href;
  clock = noon + 5 * minuteMs;
  expect(urls.sign(path).href).toBe(first);
  clock += 1;
  expect(urls.sign(path).href).not.toBe(first);
});

test('a URL is valid until its expiry, in any order of its parameters', () => {
  const url = urls.sign(path, { width: '256', format: 'WEBP' });
  expect(urls.verify(url)).toBe('OK');
  const reordered = new URL(url);
  reordered.searchParams.sort();
  expect(urls.verify(reordered)).toBe('OK');
  clock = expiresAt(url).getTime() - 1;
  expect(urls.verify(url)).toBe('OK');
  clock += 1;
  expect(urls.verify(url)).toBe('EXPIRED');
});

test.each<[string, (url: URL) => void]>([
  ['another path', (url) => void (url.pathname = '/files/photos/6f1d')],
  ['another parameter', (url) => url.searchParams.set('width', '512')],
  ['an additional parameter', (url) => url.searchParams.append('format', 'PNG')],
  ['a repeated parameter', (url) => url.searchParams.append('width', '256')],
  ['a missing parameter', (url) => url.searchParams.delete('width')],
  ['a later expiry', (url) => url.searchParams.set('expires', '99999999999')],
  ['no expiry', (url) => url.searchParams.delete('expires')],
  ['no signature', (url) => url.searchParams.delete('signature')],
  ['an empty signature', (url) => url.searchParams.set('signature', '')],
  ['a signature of the same length', (url) => url.searchParams.set('signature', 'A'.repeat(43))],
  ['a signature with other characters', (url) => url.searchParams.set('signature', '\u00e9'.repeat(43))],
])('a URL with %s is rejected', (_, change) => {
  const url = urls.sign(path, { width: '256' });
  change(url);
  expect(urls.verify(url)).toBe('FORGED');
});

test('a URL of another installation is rejected', async () => {
  const url = urls.sign(path);
  await database.prisma.secret.deleteMany();
  expect((await open()).verify(url)).toBe('FORGED');
});
