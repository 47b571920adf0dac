/**
 * The sweep on one database: the server passes every failpoint, which kills, fails or delays it. Nothing is lost and
 * nothing is done twice. A case starts a server two or three times: `npm test` runs one case of each kind,
 * `npm run test:stress` the kills around a submit on both databases, and `npm run failpoints` all.
 */
import { describe, expect, test } from 'vitest';
import { type Failpoint, failpoints } from '../../src/runtime/failpoint.ts';
import type { ServerDatabase } from '../support/databases.ts';
import { type Case, openNothing, sweep } from './sweep.ts';

const all = Object.keys(failpoints) as Failpoint[];
/** Of a start: they end it, whatever they do but wait. */
const atBoot = all.filter((name) => name.startsWith('boot.'));
/** Of the sweep at a start, on what an earlier one left. */
const atPurge = all.filter((name) => name.startsWith('purge.'));
const others = all.filter((name) => !atBoot.includes(name) && !atPurge.includes(name));

/** Kills that lose money when they are not survived. */
const dearest: Failpoint[] = ['start.committed', 'submit.intended', 'submit.accepted', 'finalize.committed'];
const isWhole = process.env['FAILPOINTS'] === 'all';

export function describeSweep(database: string, open: () => Promise<ServerDatabase>): void {
  const isEmbedded = database === 'PGlite';
  const fresh = isEmbedded ? openNothing : open;
  const boots = atBoot.filter((name) => isEmbedded || name !== 'boot.created');
  const cases: [string, Case][] = [
    ...(isWhole ? [...others, ...atPurge] : dearest).map((name): [string, Case] => [
      `kill at ${name}`,
      { points: [name], act: 'kill', open },
    ]),
    ...(isWhole ? boots : []).flatMap((name) =>
      (['kill', 'throw'] as const).map((act): [string, Case] => [
        `${act} at ${name} of the first start`,
        { points: [name], act, open: fresh },
      ]),
    ),
    ['delay all of the first start', { points: boots, act: 'delay', open: fresh }],
    ...(['throw', 'delay'] as const).map((act): [string, Case] => [
      `${act} at all others, each once`,
      { points: others, act, open },
    ]),
    ...(isWhole ? (['throw', 'delay'] as const) : []).map((act): [string, Case] => [
      `${act} at the purge`,
      { points: atPurge, act, open },
    ]),
  ];

  describeCases(database, cases);
}

/** One case of each kind: killing, failing and delaying. */
export function describeOneOfEach(database: string, open: () => Promise<ServerDatabase>): void {
  describeCases(database, [
    ['kill at submit.accepted', { points: ['submit.accepted'], act: 'kill', open }],
    ['throw at all, each once', { points: others, act: 'throw', open }],
    ['delay at finalize.fetched', { points: ['finalize.fetched'], act: 'delay', open }],
  ]);
}

function describeCases(database: string, cases: [string, Case][]): void {
  describe.concurrent(`failpoints on ${database}`, () => {
    test.each(cases)('%s', { timeout: 240_000 }, async (_name, one) => {
      const { wrong, passed } = await sweep(one);
      expect(wrong).toEqual([]);
      expect(passed.toSorted()).toEqual(one.points.toSorted());
    });
  });
}
