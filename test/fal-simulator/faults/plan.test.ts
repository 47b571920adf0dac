/** Fault plans: which calls an entry applies to, random faults that a seed repeats, and the validation of a plan. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faultTypes, InvalidFaultPlan, readFaultPlan } from '../../../src/fal-simulator/faults/plan.ts';
import { callKinds } from '../../../src/fal-simulator/http/call-subject.ts';
import { call, faulty, simulate } from '../../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';
const failing = { on: 'status', do: 'answer', status: 500 };

/** Reads the statuses of three requests in turn. An element is true if the fault was applied to that read. */
async function met(fault: object, { rounds = 4, seed = 0 } = {}): Promise<boolean[][]> {
  const { simulator } = await faulty([{ ...failing, ...fault }], { seed });
  const paths: string[] = [];
  for (const app of [endpoint, endpoint, 'fal-ai/flux-pro/finetuned']) {
    const { body } = await call(simulator, 'POST', `/${app}`, { body: {} });
    paths.push(new URL(body.status_url).pathname);
  }
  const seen: boolean[][] = paths.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, path] of paths.entries()) {
      seen[index]?.push((await call(simulator, 'GET', path)).status === 500);
    }
  }
  return seen;
}

const [yes, no] = [true, false];

describe('an entry applies to', () => {
  it.each<[string, object, boolean[][]]>([
    [
      'every call',
      {},
      [
        [yes, yes, yes, yes],
        [yes, yes, yes, yes],
        [yes, yes, yes, yes],
      ],
    ],
    [
      'the calls of an endpoint',
      { endpoint },
      [
        [yes, yes, yes, yes],
        [yes, yes, yes, yes],
        [no, no, no, no],
      ],
    ],
    [
      'the calls of a request',
      { request: 2 },
      [
        [no, no, no, no],
        [yes, yes, yes, yes],
        [no, no, no, no],
      ],
    ],
    [
      'the nth call',
      { nth: 2 },
      [
        [no, no, no, no],
        [yes, no, no, no],
        [no, no, no, no],
      ],
    ],
    [
      'several calls',
      { nth: [1, 5] },
      [
        [yes, no, no, no],
        [no, yes, no, no],
        [no, no, no, no],
      ],
    ],
    [
      'the nth and later calls',
      { nth: { from: 9 } },
      [
        [no, no, no, yes],
        [no, no, no, yes],
        [no, no, yes, yes],
      ],
    ],
    [
      'a range of calls',
      { nth: { from: 3, to: 4 } },
      [
        [no, yes, no, no],
        [no, no, no, no],
        [yes, no, no, no],
      ],
    ],
    [
      'the nth call of a request',
      { request: 3, nth: 2 },
      [
        [no, no, no, no],
        [no, no, no, no],
        [no, yes, no, no],
      ],
    ],
    [
      'the nth call of each request',
      { per: 'request', nth: 2 },
      [
        [no, yes, no, no],
        [no, yes, no, no],
        [no, yes, no, no],
      ],
    ],
    [
      'a number of calls',
      { times: 2 },
      [
        [yes, no, no, no],
        [yes, no, no, no],
        [no, no, no, no],
      ],
    ],
    [
      'a number of calls of each request',
      { per: 'request', times: 1 },
      [
        [yes, no, no, no],
        [yes, no, no, no],
        [yes, no, no, no],
      ],
    ],
    [
      'a number of calls from the nth',
      { nth: { from: 4 }, times: 1 },
      [
        [no, yes, no, no],
        [no, no, no, no],
        [no, no, no, no],
      ],
    ],
    [
      'no call with chance 0',
      { chance: 0 },
      [
        [no, no, no, no],
        [no, no, no, no],
        [no, no, no, no],
      ],
    ],
    [
      'every selected call with chance 1',
      { chance: 1, nth: 1 },
      [
        [yes, no, no, no],
        [no, no, no, no],
        [no, no, no, no],
      ],
    ],
  ])('%s: %j', async (_, fault, expected) => {
    expect(await met(fault)).toEqual(expected);
  });

  it('a request by its id, also to one that is older than the plan', async () => {
    const { simulator } = await simulate();
    const { body } = await call(simulator, 'POST', `/${endpoint}`, { body: {} });
    const path = new URL(body.status_url).pathname;
    const status = async () => (await call(simulator, 'GET', path)).status;
    simulator.setFaults({ faults: [{ ...failing, request: 1 }] });
    expect(await status()).toBe(200);
    simulator.setFaults({ faults: [{ ...failing, request: body.request_id }] });
    expect(await status()).toBe(500);
  });
});

it('numbers requests from the first one accepted after the plan was set', async () => {
  const { simulator } = await simulate();
  const statusOfNext = async () => {
    const { body } = await call(simulator, 'POST', `/${endpoint}`, { body: {} });
    return (await call(simulator, 'GET', new URL(body.status_url).pathname)).status;
  };
  expect(await statusOfNext()).toBe(200);
  simulator.setFaults({ faults: [{ ...failing, request: 2 }] });
  expect([await statusOfNext(), await statusOfNext()]).toEqual([200, 500]);
  simulator.setFaults({ faults: [{ ...failing, request: 2 }] });
  expect([await statusOfNext(), await statusOfNext()]).toEqual([200, 500]);
});

describe('chance', () => {
  it('is the same for the same seed, and differs for another', async () => {
    const [once, again, other] = await Promise.all([
      met({ chance: 0.5 }, { rounds: 12, seed: 1 }),
      met({ chance: 0.5 }, { rounds: 12, seed: 1 }),
      met({ chance: 0.5 }, { rounds: 12, seed: 2 }),
    ]);
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
    expect(new Set(once.map(String)).size).toBe(3);
    const share = once.flat().filter(Boolean).length / 36;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.8);
  });

  it('does not depend on the order of the reads', async () => {
    const inOrder = async (order: number[]) => {
      const { simulator } = await faulty([{ ...failing, chance: 0.5 }], { seed: 5 });
      const paths: string[] = [];
      for (let i = 0; i < 3; i += 1) {
        const { body } = await call(simulator, 'POST', `/${endpoint}`, { body: {} });
        paths.push(new URL(body.status_url).pathname);
      }
      const seen: number[][] = [[], [], []];
      for (const index of order) seen[index]?.push((await call(simulator, 'GET', paths[index] ?? '')).status);
      return seen;
    };
    expect(await inOrder([2, 2, 1, 0, 1, 0, 0, 1, 2, 0, 1, 2])).toEqual(
      await inOrder([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]),
    );
  });
});

describe('an invalid plan is rejected', () => {
  it.each<[unknown, RegExp]>([
    [[], /invalid: Invalid input: expected object/],
    [{}, /invalid: faults: Invalid input: expected array/],
    [{ faults: [], sed: 1 }, /Unrecognized key: "sed"/],
    [{ faults: [], seed: 'x' }, /seed: Invalid input: expected number/],
    [{ faults: [failing, 5] }, /faults\[1\]: Invalid input: expected object/],
    [{ faults: [{ on: 'submit' }] }, /faults\[0\]\.do: .*'reset'/],
    [{ faults: [{ on: 'submit', do: 'explode' }] }, /faults\[0\]\.do: .*'reset'/],
    [{ faults: [failing, { do: 'reset' }] }, /faults\[1\]\.on: "reset" is for status, stream, /],
    [{ faults: [{ do: 'stall', on: 'status' }] }, /faults\[0\]\.on: "stall" is for stream\./],
    [{ faults: [{ do: 'never', on: 'status' }] }, /faults\[0\]\.on: "never" is for webhook\./],
    [{ faults: [{ ...failing, nht: 2 }] }, /faults\[0\]: Unrecognized key: "nht"/],
    [{ faults: [{ ...failing, nth: 0 }] }, /faults\[0\]\.nth: Too small/],
    [{ faults: [{ ...failing, nth: 'x' }] }, /faults\[0\]\.nth: Expected a number, a list of numbers, or \{"from"/],
    [{ faults: [{ ...failing, request: 'x' }] }, /faults\[0\]\.request: Expected the number of a request/],
    [{ faults: [{ ...failing, chance: 2 }] }, /faults\[0\]\.chance: Too big/],
    [{ faults: [{ ...failing, endpoint: 'fal-ai/x' }] }, /faults\[0\]\.endpoint: .*"fal-ai\/flux-lora"/],
    [{ faults: [{ ...failing, status: 99 }] }, /faults\[0\]\.status: Too small/],
    [{ faults: [{ on: 'submit', do: 'fail', type: 'x' }] }, /faults\[0\]\.type: .*"runner_disconnected"/],
    [{ faults: [{ on: 'submit', do: 'reset', request: 1 }] }, /request: A submit call has no request yet/],
    [{ faults: [{ on: 'jwks', do: 'reset', per: 'request' }] }, /per: A jwks call has no request yet/],
  ])('%j', (plan, sentence) => {
    expect(() => readFaultPlan(plan)).toThrow(InvalidFaultPlan);
    expect(() => readFaultPlan(plan)).toThrow(sentence);
  });
});

describe('over HTTP', () => {
  const page = '/__simulator/faults';

  it('is set, counts its faults, and is removed', async () => {
    const { simulator } = await simulate();
    const { body } = await call(simulator, 'POST', `/${endpoint}`, { body: {} });
    const status = async () => (await call(simulator, 'GET', new URL(body.status_url).pathname)).status;
    expect((await call(simulator, 'GET', page)).body).toEqual({ seed: null, faults: [] });
    const faults = [{ ...failing, nth: 2 }];
    const set = await call(simulator, 'PUT', page, { body: { seed: 3, faults } });
    expect(set).toMatchObject({ status: 200, body: { seed: 3, faults: [{ ...faults[0], met: 0, done: 0 }] } });
    expect([await status(), await status(), await status()]).toEqual([200, 500, 200]);
    expect((await call(simulator, 'GET', page)).body.faults).toEqual([{ ...faults[0], met: 3, done: 1 }]);
    await call(simulator, 'PUT', page, { body: { seed: 3, faults } });
    expect([await status(), await status()]).toEqual([200, 500]);
    expect((await call(simulator, 'DELETE', page)).body).toEqual({ seed: null, faults: [] });
    expect([await status(), await status()]).toEqual([200, 200]);
  });

  it('stays in force when an invalid plan is rejected', async () => {
    const { simulator } = await faulty([failing]);
    const refused = await call(simulator, 'PUT', page, { body: { faults: [{ on: 'submit', do: 'explode' }] } });
    expect(refused).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(/^The fault plan is invalid: /) },
    });
    expect(await call(simulator, 'PUT', page, { body: '{' })).toMatchObject({ status: 400 });
    expect((await call(simulator, 'GET', page)).body.faults).toMatchObject([failing]);
  });
});

it('is documented completely: the comment names every kind of call and every fault', () => {
  const source = new URL('../../../src/fal-simulator/faults/plan.ts', import.meta.url);
  const [comment = ''] = readFileSync(source, 'utf8').split('*/');
  const names = faultTypes.flatMap((act) => [...(act._zod.propValues?.['do'] ?? [])].map(String));
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((name) => !comment.includes(`\`${name}\``))).toEqual([]);
  expect(callKinds.filter((kind) => !new RegExp(`\\b${kind}\\b`).test(comment))).toEqual([]);
});
