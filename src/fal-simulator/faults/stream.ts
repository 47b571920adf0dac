/** Status streams that end too early, fall silent, or say what nobody can read. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Call } from '../http/call.ts';
import { isStream, type Reply } from '../http/reply.ts';
import { left } from './connection.ts';
import { callFault, type FaultType, type Middleware } from './fault.ts';

type Events = AsyncIterable<string | Buffer>;
const afterEvents = z.object({ afterEvents: z.int().nonnegative().default(1) });

export const streamFaults: [FaultType, ...FaultType[]] = [
  callFault('close', ['stream'], afterEvents, ({ afterEvents }) =>
    changingEvents((events) => first(events, afterEvents)),
  ),
  callFault('break', ['stream'], afterEvents, ({ afterEvents }) =>
    changingEvents((events) => first(events, afterEvents), { reset: true }),
  ),
  callFault('stall', ['stream'], afterEvents, ({ afterEvents }) =>
    changingEvents((events, call) => stalled(events, afterEvents, call)),
  ),
  callFault('garbage', ['stream'], afterEvents, ({ afterEvents }) =>
    changingEvents((events) => garbled(events, afterEvents)),
  ),
  callFault('split', ['stream'], z.object({}), () => changingEvents(split)),
  callFault('repeat', ['stream'], z.object({}), () => changingEvents(repeated)),
];

/** The stream with other events; an answer that is no stream stays as it is. */
export function changingEvents(
  change: (events: Events, call: Call) => Events,
  more: Pick<Reply, 'reset'> = {},
): Middleware {
  return async (call, next) => {
    const reply = await next(call);
    return isStream(reply.body) ? { ...reply, ...more, body: change(reply.body, call) } : reply;
  };
}

/** Comments are no events, and pass. */
export const isEvent = (chunk: string | Buffer) => String(chunk).startsWith('data:');

async function* first(events: Events, count: number): Events {
  let told = 0;
  if (count === 0) return;
  for await (const chunk of events) {
    yield chunk;
    if (isEvent(chunk) && (told += 1) >= count) return;
  }
}

async function* stalled(events: Events, count: number, call: Call): Events {
  yield* first(events, count);
  await left(call);
}

/** One event among the others that is cut off within its JSON. */
async function* garbled(events: Events, count: number): Events {
  let told = 0;
  const garbage = 'data: {"status":"IN_PROGRESS","logs":[\n\n';
  if (count === 0) yield garbage;
  for await (const chunk of events) {
    yield chunk;
    if (isEvent(chunk) && (told += 1) === count) yield garbage;
  }
}

/** Each event in two packets, cut within a character where it has one of several bytes. */
async function* split(events: Events): Events {
  for await (const chunk of events) {
    const bytes = Buffer.from(chunk);
    const within = bytes.findIndex((byte) => byte >= 0xc0) + 1;
    yield bytes.subarray(0, within === 0 ? 1 : within);
    // Long enough that the two do not leave together.
    await sleep(5);
    yield bytes.subarray(within === 0 ? 1 : within);
  }
}

async function* repeated(events: Events): Events {
  for await (const chunk of events) {
    yield chunk;
    if (isEvent(chunk)) yield chunk;
  }
}
