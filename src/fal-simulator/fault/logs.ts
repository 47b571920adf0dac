/** Log lines that come late, twice, all again, or as the last few only. */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Reply } from '../reply.ts';
import { type Act, type Spoil, spoils } from './act.ts';
import { isEvent, spoiling } from './stream.ts';

type Log = { timestamp: string; message: string };
type Status = { logs: Log[] | null };

export const logActs: [Act, ...Act[]] = [
  spoils('logs-twice', ['status', 'stream'], z.object({}), () =>
    logs(() => (given) => given.flatMap((log) => [log, log])),
  ),
  spoils('logs-window', ['status', 'stream'], z.object({ lines: z.int().nonnegative() }), ({ lines }) =>
    logs(() => (given) => (lines === 0 ? [] : given.slice(-lines))),
  ),
  // In a status the young lines are missing; in a stream each event brings the lines of the one before.
  spoils('logs-late', ['status', 'stream'], z.object({ lateMs: z.int().positive().default(2000) }), ({ lateMs }) =>
    logs(
      held,
      (clock) => (given) => given.filter(({ timestamp }) => Date.parse(`${timestamp}Z`) + lateMs <= clock.now()),
    ),
  ),
  spoils('logs-again', ['stream'], z.object({}), () => logs(accumulated)),
];

type Change = (given: Log[]) => Log[];

/** `inStream` is begun anew for each stream. */
function logs(inStream: () => Change, inStatus: (clock: Clock) => Change = inStream): Spoil {
  const inEvents = spoiling((events) => changed(events, inStream()));
  return async (call, next, scene) => {
    const reply = await inEvents(call, next, scene);
    return isStatus(reply) ? { ...reply, body: withLogs(reply.body, inStatus(scene.clock)) } : reply;
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
