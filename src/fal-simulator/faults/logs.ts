/** Log lines that are late, duplicated, repeated, or cut to the last few. */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Reply } from '../http/reply.ts';
import { callFault, type FaultType, type Middleware } from './fault.ts';
import { changingEvents, isEvent } from './stream.ts';

type Log = { timestamp: string; message: string };
type Status = { logs: Log[] | null };

export const logFaults: [FaultType, ...FaultType[]] = [
  callFault('logs-twice', ['status', 'stream'], z.object({}), () =>
    logs(() => (logs) => logs.flatMap((log) => [log, log])),
  ),
  callFault('logs-window', ['status', 'stream'], z.object({ lines: z.int().nonnegative() }), ({ lines }) =>
    logs(() => (logs) => (lines === 0 ? [] : logs.slice(-lines))),
  ),
  // A status lacks the newest lines; a stream sends the lines of each event with the next one.
  callFault('logs-late', ['status', 'stream'], z.object({ lateMs: z.int().positive().default(2000) }), ({ lateMs }) =>
    logs(
      delayed,
      (clock) => (logs) => logs.filter(({ timestamp }) => Date.parse(`${timestamp}Z`) + lateMs <= clock.now()),
    ),
  ),
  callFault('logs-again', ['stream'], z.object({}), () => logs(accumulated)),
];

type Change = (logs: Log[]) => Log[];

/** Calls `inStream` for each stream. */
function logs(inStream: () => Change, inStatus: (clock: Clock) => Change = inStream): Middleware {
  const inEvents = changingEvents((events) => changed(events, inStream()));
  return async (call, next, context) => {
    const reply = await inEvents(call, next, context);
    return isStatus(reply) ? { ...reply, body: withLogs(reply.body, inStatus(context.clock)) } : reply;
  };
}

async function* changed(events: AsyncIterable<string | Buffer>, change: Change): AsyncIterable<string | Buffer> {
  for await (const chunk of events) {
    if (!isEvent(chunk)) yield chunk;
    else yield `data: ${JSON.stringify(withLogs(JSON.parse(String(chunk).slice(5)) as Status, change))}\n\n`;
  }
}

function withLogs(status: Status, change: Change): Status {
  return { ...status, logs: status.logs && change(status.logs) };
}

function isStatus(reply: Reply): reply is Reply & { body: Status } {
  return typeof reply.body === 'object' && 'logs' in reply.body;
}

function delayed(): Change {
  let previous: Log[] = [];
  return (logs) => {
    const current = previous;
    previous = logs;
    return current;
  };
}

function accumulated(): Change {
  const all: Log[] = [];
  return (logs) => {
    all.push(...logs);
    return [...all];
  };
}
