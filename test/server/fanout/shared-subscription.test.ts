/** One log for many listeners: each hears all of it once and in order, however they come, lag and leave. */
import {
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  double,
  integer,
  nat,
  oneof,
  record,
} from 'fast-check';
import { expect, test } from 'vitest';
import type { Answer, Log, Numbered } from '../../../src/server/fanout/log.ts';
import { SharedSubscriptions } from '../../../src/server/fanout/shared-subscriptions.ts';

/** A log that a test writes and ends. */
class TestLog {
  #last = 0;
  #isEnded = false;
  #wake: (() => void)[] = [];
  open = 0;

  write(count: number): void {
    this.#last += count;
    this.#tell();
  }

  end(): void {
    this.#isEnded = true;
    this.#tell();
  }

  get last(): number {
    return this.#last;
  }

  from(place: number): Log {
    let next = place + 1;
    let isLeft = false;
    let isOpen = false;
    const leave = () => {
      if (isOpen && !isLeft) this.open -= 1;
      isLeft = true;
      this.#tell();
    };
    return {
      from: (other) => this.from(other),
      next: async (): Promise<IteratorResult<Numbered>> => {
        if (!isOpen && !isLeft) this.open += 1;
        isOpen = true;
        for (;;) {
          if (isLeft || next <= this.#last || this.#isEnded) break;
          await new Promise<void>((resolve) => this.#wake.push(resolve));
        }
        if (!isLeft && next <= this.#last) return { done: false, value: { sequence: next++ } };
        leave();
        return { done: true, value: undefined };
      },
      return: async () => {
        leave();
        return { done: true, value: undefined };
      },
    };
  }

  #tell(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** A client's connection: takes what it is sent at once, or when the test lets it. */
class Client {
  readonly heard: number[] = [];
  /** Messages of one write. */
  readonly writes: number[] = [];
  isQuick = true;
  #waiting: (() => void) | undefined;

  send(answers: readonly string[], taker: { taken(): void }): boolean {
    if (this.#waiting !== undefined) throw new Error('It was sent more before it had taken the last.');
    this.heard.push(...answers.map((answer) => Number.parseInt(answer, 10)));
    this.writes.push(answers.length);
    if (this.isQuick) return true;
    this.#waiting = () => taker.taken();
    return false;
  }

  take(): void {
    const taken = this.#waiting;
    this.#waiting = undefined;
    taken?.();
  }
}

const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, n) => after + n + 1);
const settle = async () => {
  for (let n = 0; n < 5; n += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
};

function openWorld(bytes = 10) {
  const log = new TestLog();
  const broadcasts = new SharedSubscriptions();
  const answered: number[] = [];
  const answer: Answer = ({ sequence }) => {
    answered.push(sequence);
    return `${sequence}`.padEnd(bytes);
  };
  const listen = (place: number, client = new Client()) => ({
    client,
    place,
    listener: broadcasts.listen('all', place, { log: log.from(place), answer, outlet: client }),
  });
  return { log, broadcasts, answered, listen };
}

test('each event is answered once for all, and what comes in one tick is one write', async () => {
  const { log, answered, listen, broadcasts } = openWorld();
  const listeners = Array.from({ length: 100 }, () => listen(0));
  for (let round = 0; round < 3; round += 1) {
    log.write(10);
    await settle();
  }
  expect(answered).toEqual(upTo(30));
  for (const { client } of listeners) {
    expect(client.heard).toEqual(upTo(30));
    expect(client.writes).toEqual([10, 10, 10]);
  }
  log.end();
  for (const { listener } of listeners) expect(await listener.next()).toEqual({ done: true, value: undefined });
  expect([broadcasts.size, log.open]).toEqual([0, 0]);
});

test('whoever does not take anything is kept nothing for, holds up nobody, and goes on where it was', async () => {
  const { log, answered, listen } = openWorld(10_000);
  const slow = listen(0);
  slow.client.isQuick = false;
  const quick = listen(0);
  for (let n = 0; n < 500; n += 1) {
    log.write(1);
    await settle();
  }
  expect(quick.client.heard).toEqual(upTo(500));
  expect(slow.client.heard).toEqual([1]);
  expect(answered).toHaveLength(500);
  slow.client.isQuick = true;
  slow.client.take();
  await settle();
  expect(slow.client.heard).toEqual(upTo(500));
  // All but the last few were answered anew for it: they had not been kept.
  expect(answered.length).toBeGreaterThan(950);
  log.write(1);
  await settle();
  expect(slow.client.heard).toEqual(upTo(501));
  expect(answered.filter((sequence) => sequence === 501)).toEqual([501]);
});

test('it goes no faster than its fastest listener', async () => {
  const { log, answered, listen } = openWorld(20_000);
  const { client } = listen(0);
  client.isQuick = false;
  log.write(1_000);
  await settle();
  expect(answered.length).toBeLessThan(5);
  for (let n = 0; n < 2_000 && client.heard.length < 1_000; n += 1) {
    client.take();
    await settle();
  }
  expect(client.heard).toEqual(upTo(1_000));
});

test('an event that cannot be answered ends all who wait for it, and a later one begins anew', async () => {
  const { log, broadcasts } = openWorld();
  const broken: Answer = () => {
    throw new TypeError('no answer');
  };
  const listener = broadcasts.listen('all', 0, { log: log.from(0), answer: broken, outlet: new Client() });
  const next = listener.next();
  log.write(1);
  await expect(next).rejects.toThrow('no answer');
  expect([broadcasts.size, log.open]).toEqual([0, 0]);
});

test('the last who leaves takes the broadcast along', async () => {
  const { log, broadcasts, listen } = openWorld();
  const [first, second] = [listen(0), listen(0)];
  const waiting = first.listener.next();
  await first.listener.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  log.write(1);
  await settle();
  expect(first.client.heard).toEqual([]);
  expect(second.client.heard).toEqual([1]);
  await second.listener.return();
  await settle();
  expect([broadcasts.size, log.open]).toEqual([0, 0]);
});

const step = oneof(
  record({ do: constant('write' as const), count: integer({ min: 1, max: 90 }) }),
  record({
    do: constant('join' as const),
    share: double({ min: 0, max: 1, noNaN: true }),
    isQuick: boolean(),
  }),
  record({ do: constantFrom('take' as const, 'leave' as const, 'slow' as const), who: nat(20) }),
);

test('each hears exactly what follows its place, once and in order, whatever the others do', async () => {
  await assert(
    asyncProperty(array(step, { maxLength: 40 }), constantFrom(10, 6_000), async (steps, bytes) => {
      const { log, broadcasts, listen } = openWorld(bytes);
      const all = [listen(0)];
      const left = new Set<(typeof all)[number]>();
      for (const each of steps) {
        if (each.do === 'write') log.write(each.count);
        else if (each.do === 'join') {
          const joined = listen(Math.floor(each.share * log.last));
          joined.client.isQuick = each.isQuick;
          all.push(joined);
        } else {
          const who = all[each.who % all.length];
          if (each.do === 'take') who?.client.take();
          else if (each.do === 'slow' && who) who.client.isQuick = !who.client.isQuick;
          else if (who) {
            left.add(who);
            await who.listener.return();
          }
        }
        await settle();
        for (const { client, place } of all) expect(client.heard).toEqual(upTo(place + client.heard.length, place));
      }
      log.end();
      for (const { client } of all) {
        client.isQuick = true;
        client.take();
      }
      await settle();
      for (const { client, place, listener } of all) {
        expect(await listener.next()).toEqual({ done: true, value: undefined });
        const hasLeft = [...left].some((one) => one.client === client);
        expect(client.heard).toEqual(upTo(hasLeft ? place + client.heard.length : log.last, place));
      }
      expect([broadcasts.size, log.open]).toEqual([0, 0]);
    }),
    { numRuns: 150 },
  );
});
