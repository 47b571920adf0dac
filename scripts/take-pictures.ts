/**
 * Takes the pictures in docs/images again: `npx tsx scripts/take-pictures.ts`. They show GraphiQL in the system's
 * Chromium, on a server with a simulated fal that this script starts, and the pictures that the demo draws there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { readSettings } from '../src/app/config.ts';
import { createLogger } from '../src/app/logger.ts';
import { start } from '../src/app/start.ts';
import { findChromium, launchChromium } from '../test/support/chromium.ts';
import { gql } from '../test/support/http.ts';

const root = join(import.meta.dirname, '..');
const target = join(root, 'docs/images');

const chromium = findChromium();
if (chromium === null) throw new Error('Chromium was not found. Set CHROMIUM to its path.');

const scratch = mkdtempSync(join(tmpdir(), 'likeness-pictures-'));
const settings = readSettings({ PORT: '0', DATA_DIR: join(scratch, 'data'), LOG_LEVEL: 'warn' });
const likeness = await start({ settings, log: createLogger(settings) });
const browser = await launchChromium(chromium);
mkdirSync(target, { recursive: true });
try {
  const page = await browser.newPage({ viewport: { width: 1500, height: 640 } });
  await takeFirstTab(page);
  await playDemo();
  await takeSubscription(page);
  await drawSheet();
} finally {
  await browser.close();
  await likeness.close();
  rmSync(scratch, { recursive: true, force: true });
}

/** The tour as it opens, after its first mutation. */
async function takeFirstTab(page: Page): Promise<void> {
  await page.goto(`${likeness.url}/graphql`);
  await execute(page);
  await page.getByText('"PortraitAvatar"').waitFor();
  await save(sharp(await page.screenshot()), 'graphiql-tour.png');
}

/** A subscription to a training that is running. */
async function takeSubscription(page: Page): Promise<void> {
  const { data } = await gql<{ avatars: { edges: { node: { id: string } }[] } }>(
    likeness.url,
    '{ avatars(first: 1, kind: PORTRAIT) { edges { node { ... on AvatarProfile { id } } } } }',
  );
  const avatarId = data?.avatars.edges[0]?.node.id;
  const started = await gql<{ startTraining: { id: string } }>(
    likeness.url,
    'mutation ($id: ID!) { startTraining(input: { avatarId: $id, preset: FAST }) { ... on Training { id } ... on Error { message } } }',
    { id: avatarId },
  );
  const query = `subscription FollowTraining {
  jobEvents(jobId: "${started.data?.startTraining.id}", after: 0) {
    __typename
    sequence
    occurredAt
    job { id status }
    ... on JobQueueMoved { position }
    ... on JobLogged { message }
    ... on JobProgressed {
      progress { percent step totalSteps source }
    }
  }
}
`;
  await page.goto(`${likeness.url}/graphql?query=${encodeURIComponent(query)}`);
  await execute(page);
  const result = page.getByRole('region', { name: 'Result Window' });
  while (!/"percent":\s[4-9]\d,/.test(await result.innerText())) await wait(50);
  await save(sharp(await page.screenshot()), 'graphiql-subscription.png');
}

async function playDemo(): Promise<void> {
  const flags = [
    '--url',
    likeness.url,
    '--out',
    join(scratch, 'pictures'),
    '--presets',
    'PORTRAIT,LANDSCAPE,ARTISTIC,FAST',
  ];
  const demo = spawn(process.execPath, ['--import', 'tsx', 'src/demo/main.ts', ...flags], {
    cwd: root,
    stdio: 'inherit',
  });
  const [code] = await once(demo, 'exit');
  if (code !== 0) throw new Error(`The demo exited with ${code}.`);
}

/** The demo's pictures, one avatar in each row. */
async function drawSheet(): Promise<void> {
  const folder = join(scratch, 'pictures');
  const names = readdirSync(folder).sort();
  const rows = ['ada-', 'woodcut-'].map((avatar) => names.filter((name) => name.startsWith(avatar)));
  const height = 250;
  const gap = 10;
  const placed = await Promise.all(
    rows.map(async (row, number) => {
      const pictures = await Promise.all(
        row.map((name) => sharp(join(folder, name)).resize({ height }).png().toBuffer({ resolveWithObject: true })),
      );
      let left = 0;
      return pictures.map(({ data, info }) => {
        const place = { input: data, left, top: number * (height + gap) };
        left += info.width + gap;
        return { place, right: left - gap };
      });
    }),
  );
  const all = placed.flat();
  const width = Math.max(...all.map(({ right }) => right));
  const sheet = sharp({ create: { width, height: 2 * height + gap, channels: 3, background: '#ffffff' } });
  const { data } = await sheet
    .composite(all.map(({ place }) => place))
    .png()
    .toBuffer({ resolveWithObject: true });
  await sharp(data).jpeg({ quality: 82, mozjpeg: true }).toFile(join(target, 'pictures.jpg'));
}

async function execute(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Execute query/ }).click();
}

async function save(picture: Sharp, name: string): Promise<void> {
  await picture.png({ palette: true, effort: 10 }).toFile(join(target, name));
}
