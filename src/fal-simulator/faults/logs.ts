/** Log lines that come late, twice, all again, or as the last few only. */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Reply } from '../http/reply.ts';
import { callFault, type FaultType, type Middleware } from './fault.ts';
import { changingEvents, isEvent } from './stream.ts';

type Log = { timestamp: string; message: string };
type Status = { logs: Log[] | null };

export const logFaults: [FaultType, ...FaultType[]] = [
  callFault('logs-twice', ['status', 'stream'], z.object({}), () =>
    logs(() => (given) => given.flatMap((log) => [log, log])),
  ),
  callFault('logs-window', ['status', 'stream'], z.object({ lines: z.int().nonnegative() }), ({ lines }) =>
    logs(() => (given) => (lines === 0 ? [] : given.slice(-lines))),
  ),
  // In a status the young lines are missing; in a stream each event brings the lines of the one before.
  callFault('logs-late', ['status', 'stream'], z.object({ lateMs: z.int().positive().default(2000) }), ({ lateMs }) =>
    logs(
      held,
      (clock) => (given) => given.filter(({ timestamp }) => Date.parse(`${timestamp}Z`) + lateMs <= clock.now()),
    ),
  ),
  callFault('logs-again', ['stream'], z.object({}), () => logs(accumulated)),
];

type Change = (given: Log[]) => Log[];

/** `inStream` is begun anew for each stream. */
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

function held(): Change {
  let kept: Log[] = [];
  return (given) => {
    const told = kept;
    kept = given;
    return told;
  };
}

function accumulated(): Change {
  const all: Log[] = [];
  return (given) => {
    all.push(...given);
    return [...all];
  };
}
