/** One log for many subscribers: each hears all of it once and in order, however they join, lag and leave. */
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
import type { EventLog, NumberedEvent } from '../../../src/server/fanout/event-log.ts';
import type { DrainListener, Payload } from '../../../src/server/fanout/frame-writer.ts';
import { SharedSubscriptions } from '../../../src/server/fanout/shared-subscriptions.ts';

/** A log that a test writes and ends. */
class TestLog {
  #last = 0;
  #isEnded = false;
  #wake: (() => void)[] = [];
  open = 0;

  write(count: number): void {
    this.#last += count;
    this.#wakeAll();
  }

  end(): void {
    this.#isEnded = true;
    this.#wakeAll();
  }

  get last(): number {
    return this.#last;
  }

  from(place: number): EventLog {
    let next = place + 1;
    let isLeft = false;
    let isOpen = false;
    const leave = () => {
      if (isOpen && !isLeft) this.open -= 1;
      isLeft = true;
      this.#wakeAll();
    };
    return {
      from: (other) => this.from(other),
      next: async (): Promise<IteratorResult<NumberedEvent>> => {
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

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** A client's connection: takes what it is sent at once, or when the test lets it. */
class Client {
  readonly received: number[] = [];
  /** Messages of one write. */
  readonly writes: number[] = [];
  isQuick = true;
  #waiting: (() => void) | undefined;

  write(payloads: readonly Payload[], listener: DrainListener): boolean {
    if (this.#waiting !== undefined) throw new Error('More was written before the connection had taken the last.');
    this.received.push(...payloads.map((payload) => Number.parseInt(payload, 10)));
    this.writes.push(payloads.length);
    if (this.isQuick) return true;
    this.#waiting = () => listener.drained();
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
  const shared = new SharedSubscriptions();
  const answered: number[] = [];
  const payloadOf = ({ sequence }: NumberedEvent) => {
    answered.push(sequence);
    return `${sequence}`.padEnd(bytes);
  };
  const listen = (place: number, client = new Client()) => ({
    client,
    place,
    subscriber: shared.join('all', place, { log: log.from(place), payloadOf, frameWriter: client }),
  });
  return { log, shared, answered, listen };
}

test('each event is executed once for all, and the events of one tick are one write', async () => {
  const { log, answered, listen, shared } = openWorld();
  const subscribers = Array.from({ length: 100 }, () => listen(0));
  for (let round = 0; round < 3; round += 1) {
    log.write(10);
    await settle();
  }
  expect(answered).toEqual(upTo(30));
  for (const { client } of subscribers) {
    expect(client.received).toEqual(upTo(30));
    expect(client.writes).toEqual([10, 10, 10]);
  }
  log.end();
  for (const { subscriber } of subscribers) expect(await subscriber.next()).toEqual({ done: true, value: undefined });
  expect([shared.size, log.open]).toEqual([0, 0]);
});

test('nothing is buffered for a subscriber that does not read: it delays no other, and continues where it stopped', async () => {
  const { log, answered, listen } = openWorld(10_000);
  const slow = listen(0);
  slow.client.isQuick = false;
  const quick = listen(0);
  for (let n = 0; n < 500; n += 1) {
    log.write(1);
    await settle();
  }
  expect(quick.client.received).toEqual(upTo(500));
  expect(slow.client.received).toEqual([1]);
  expect(answered).toHaveLength(500);
  slow.client.isQuick = true;
  slow.client.take();
  await settle();
  expect(slow.client.received).toEqual(upTo(500));
  // All but the last few were answered anew for it: they had not been kept.
  expect(answered.length).toBeGreaterThan(950);
  log.write(1);
  await settle();
  expect(slow.client.received).toEqual(upTo(501));
  expect(answered.filter((sequence) => sequence === 501)).toEqual([501]);
});

test('the log is read no faster than the fastest subscriber reads', async () => {
  const { log, answered, listen } = openWorld(20_000);
  const { client } = listen(0);
  client.isQuick = false;
  log.write(1_000);
  await settle();
  expect(answered.length).toBeLessThan(5);
  for (let n = 0; n < 2_000 && client.received.length < 1_000; n += 1) {
    client.take();
    await settle();
  }
  expect(client.received).toEqual(upTo(1_000));
});

test('an event whose execution throws ends all subscribers, and a later one starts anew', async () => {
  const { log, shared } = openWorld();
  const broken = () => {
    throw new TypeError('no answer');
  };
  const subscriber = shared.join('all', 0, { log: log.from(0), payloadOf: broken, frameWriter: new Client() });
  const next = subscriber.next();
  log.write(1);
  await expect(next).rejects.toThrow('no answer');
  expect([shared.size, log.open]).toEqual([0, 0]);
});

test('the shared subscription ends when the last subscriber leaves', async () => {
  const { log, shared, listen } = openWorld();
  const [first, second] = [listen(0), listen(0)];
  const waiting = first.subscriber.next();
  await first.subscriber.return();
  expect(await waiting).toEqual({ done: true, value: undefined });
  log.write(1);
  await settle();
  expect(first.client.received).toEqual([]);
  expect(second.client.received).toEqual([1]);
  await second.subscriber.return();
  await settle();
  expect([shared.size, log.open]).toEqual([0, 0]);
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

test('each gets exactly the events after its position, once and in order, whatever the others do', async () => {
  await assert(
    asyncProperty(array(step, { maxLength: 40 }), constantFrom(10, 6_000), async (steps, bytes) => {
      const { log, shared, listen } = openWorld(bytes);
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
            await who.subscriber.return();
          }
        }
        await settle();
        for (const { client, place } of all)
          expect(client.received).toEqual(upTo(place + client.received.length, place));
      }
      log.end();
      for (const { client } of all) {
        client.isQuick = true;
        client.take();
      }
      await settle();
      for (const { client, place, subscriber } of all) {
        expect(await subscriber.next()).toEqual({ done: true, value: undefined });
        const hasLeft = [...left].some((one) => one.client === client);
        expect(client.received).toEqual(upTo(hasLeft ? place + client.received.length : log.last, place));
      }
      expect([shared.size, log.open]).toEqual([0, 0]);
    }),
    { numRuns: 150 },
  );
});
