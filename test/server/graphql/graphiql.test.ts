/** GraphiQL in a real browser: it loads with no other network, and shows a subscription as it goes on. */
import { parse, validate } from 'graphql';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { schema } from '../../../src/app/schema.ts';
import { tourOf } from '../../../src/server/graphiql/tour.ts';
import { findChromium, launchChromium } from '../../support/chromium.ts';
import { startLikeness } from '../../support/likeness.ts';
import { openWorld } from '../world.ts';

const asBrowser = { headers: { accept: 'text/html,application/xhtml+xml' } };

describe('the page', () => {
  test('is compressed, known by its ETag and guarded by its headers', async () => {
    const { url } = await openWorld();
    const page = await fetch(`${url}/graphql`, {
      headers: { ...asBrowser.headers, 'accept-encoding': 'gzip, deflate, br' },
    });
    expect(page.headers.get('content-encoding')).toBe('br');
    expect(Number(page.headers.get('content-length'))).toBeLessThan(3_000_000);
    const html = await page.text();
    expect(html).toContain('<title>Likeness</title>');

    const zipped = await fetch(`${url}/graphql`, {
      headers: { ...asBrowser.headers, 'accept-encoding': 'gzip, br;q=0' },
    });
    expect(zipped.headers.get('content-encoding')).toBe('gzip');
    expect(await zipped.text()).toBe(html);
    const plain = await fetch(`${url}/graphql`, { headers: { ...asBrowser.headers, 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBe(null);
    expect(await plain.text()).toBe(html);

    const etag = page.headers.get('etag') ?? '';
    const again = await fetch(`${url}/graphql`, { headers: { ...asBrowser.headers, 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  });

  test('is where a browser is sent from the root', async () => {
    const { url } = await openWorld();
    const root = await fetch(url, { ...asBrowser, redirect: 'manual' });
    expect([root.status, root.headers.get('location')]).toEqual([302, '/graphql']);
    const head = await fetch(`${url}/graphql`, { ...asBrowser, method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('has a tour whose documents are the API’s and whose lines fit', () => {
    for (const { query, variables = '{}' } of tourOf('http://127.0.0.1:4000')) {
      expect(validate(schema, parse(query))).toEqual([]);
      expect(JSON.parse(variables)).toBeTypeOf('object');
      const long = query
        .split('\n')
        .filter((line) => line.length > 65 && !line.startsWith('# curl http://127.0.0.1:4000/graphql -F'));
      expect(long).toEqual([]);
    }
  });
});

const chromium = findChromium();

describe.skipIf(chromium === null)(`in Chromium${chromium === null ? ' (skipped: none on this machine)' : ''}`, () => {
  async function open() {
    const world = await openWorld();
    const browser = await launchChromium(chromium as string);
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1500, height: 900 } });
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('websocket', (socket) => requests.push(socket.url()));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    const visit = (query?: string) =>
      page.goto(`${world.url}/graphql${query === undefined ? '' : `?query=${encodeURIComponent(query)}`}`);
    const foreign = () =>
      requests.filter(
        (url) => !url.startsWith('blob:') && !url.startsWith('data:') && new URL(url).host !== new URL(world.url).host,
      );
    return { ...world, page, visit, foreign, complaints, requests };
  }

  const execute = (page: Page) => page.getByRole('button', { name: /^Execute query/ }).click();
  const result = async (page: Page) =>
    (await page.getByRole('region', { name: 'Result Window' }).innerText()).replaceAll('\u00a0', ' ');

  test('opens with the tour', async () => {
    const { page, visit, foreign, complaints } = await open();
    await visit();
    const tabs = page.locator('.graphiql-tab-button');
    await tabs.nth(7).waitFor();
    expect(await tabs.allInnerTexts()).toEqual([
      'CreateAvatar',
      'Photos',
      'StartTraining',
      'FollowTraining',
      'StartGeneration',
      'FollowGeneration',
      'Pictures',
      'Server',
    ]);
    await page.getByText('Press the pink button').waitFor();
    await tabs.nth(3).click();
    await page.getByText('paste the id of the training here').waitFor();
    expect(complaints).toEqual([]);
    expect(foreign()).toEqual([]);
  });

  test('of a server that asks who calls takes a key under Headers, for queries and for subscriptions', async () => {
    const likeness = await startLikeness({ env: { HOST: '0.0.0.0' } });
    onTestFinished(() => likeness.close());
    const browser = await launchChromium(chromium as string);
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1500, height: 900 } });
    const { data } = await likeness.gql<{ importAvatar: { id: string } }>(
      'mutation { importAvatar(input: { style: { name: "Ink", finetuneId: "none", triggerWord: "INK" } }) { ... on StyleAvatar { id } } }',
    );
    const job = await likeness.gql<{ startGeneration: { id: string } }>(
      'mutation($id: ID!) { startGeneration(input: { avatarId: $id, prompt: "at sea" }) { ... on Generation { id } } }',
      { id: data?.importAvatar.id },
    );
    const id = job.data?.startGeneration.id ?? '';

    const enter = async (query: string) => {
      await page.goto(`${likeness.url}/graphql?query=${encodeURIComponent(query)}`);
      await page.getByRole('button', { name: 'Headers' }).click();
      await page.locator('.graphiql-editor-tool .monaco-editor:visible').last().click();
      await page.keyboard.press('Control+A');
      await page.keyboard.type(JSON.stringify(likeness.headers));
      // What the editor has closed by itself.
      await page.keyboard.press('Control+Shift+End');
      await page.keyboard.press('Delete');
    };
    await page.goto(`${likeness.url}/graphql?query=${encodeURIComponent('{ viewer { balance } }')}`);
    await execute(page);
    await vi.waitFor(async () => expect(await result(page)).toContain('UNAUTHENTICATED'));
    await enter('{ viewer { balance } }');
    await execute(page);
    await vi.waitFor(async () => expect(await result(page)).toContain('"balance": 0'));
    await enter(`subscription { jobEvents(jobId: "${id}") { __typename sequence } }`);
    await execute(page);
    await vi.waitFor(async () => expect(await result(page)).toMatch(/Job(Failed|Submitted)/));
  });

  test('runs a query, and a subscription whose events show as they come', async () => {
    const { page, visit, foreign, complaints, channel, requests, url } = await open();
    await visit('{ hello(name: "browser") }');
    await execute(page);
    await vi.waitFor(async () => expect(await result(page)).toContain('"hello": "hello browser"'));

    await visit('subscription { follow }');
    await execute(page);
    await vi.waitFor(() => expect(channel.open).toBe(1));
    expect(requests).toContain(`${url.replace('http', 'ws')}/graphql`);
    for (const event of ['the first event', 'the second event']) {
      channel.publish(event);
      await vi.waitFor(async () => expect(await result(page)).toContain(`"follow": "${event}"`));
    }
    await page.getByRole('button', { name: /^Stop query/ }).click();
    await vi.waitFor(() => expect(channel.open).toBe(0));
    expect(complaints).toEqual([]);
    expect(foreign()).toEqual([]);
  });
});
