/** Status streams that end too early, fall silent or send garbage. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Call } from '../http/call.ts';
import { isStream, type Reply } from '../http/reply.ts';
import { callerLeft } from './connection.ts';
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

/** Changes the events of a stream; leaves other replies alone. */
export function changingEvents(
  change: (events: Events, call: Call) => Events,
  more: Pick<Reply, 'reset'> = {},
): Middleware {
  return async (call, next) => {
    const reply = await next(call);
    return isStream(reply.body) ? { ...reply, ...more, body: change(reply.body, call) } : reply;
  };
}

/** False for comments. */
export const isEvent = (chunk: string | Buffer) => String(chunk).startsWith('data:');

async function* first(events: Events, count: number): Events {
  let sent = 0;
  if (count === 0) return;
  for await (const chunk of events) {
    yield chunk;
    if (isEvent(chunk) && (sent += 1) >= count) return;
  }
}

async function* stalled(events: Events, count: number, call: Call): Events {
  yield* first(events, count);
  await callerLeft(call);
}

/** Adds an event with incomplete JSON. */
async function* garbled(events: Events, count: number): Events {
  let sent = 0;
  const garbage = 'data: {"status":"IN_PROGRESS","logs":[\n\n';
  if (count === 0) yield garbage;
  for await (const chunk of events) {
    yield chunk;
    if (isEvent(chunk) && (sent += 1) === count) yield garbage;
  }
}

/** Sends each event in two packets, split inside a multi-byte character if there is one. */
async function* split(events: Events): Events {
  for await (const chunk of events) {
    const bytes = Buffer.from(chunk);
    const within = bytes.findIndex((byte) => byte >= 0xc0) + 1;
    yield bytes.subarray(0, within === 0 ? 1 : within);
    // Long enough for two packets.
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
