/** The payload of each event type, as it is written to the log and parsed from it. */
import { z } from 'zod';
import { JobErrorCode, type JobStatus } from '../../prisma/generated/client/enums.ts';

const progress = z.object({
  percent: z.int().min(0).max(100).nullable(),
  step: z.int().nullable(),
  totalSteps: z.int().nullable(),
  source: z.enum(['MEASURED', 'ESTIMATED', 'UNKNOWN']),
});

export const payloads = {
  QUEUED: z.object({}),
  SUBMITTED: z.object({ requestId: z.string() }),
  QUEUE_MOVED: z.object({ position: z.int().min(0) }),
  STARTED: z.object({}),
  LOGGED: z.object({ message: z.string(), loggedAt: z.string(), level: z.string().nullable() }),
  PROGRESSED: progress,
  FINALIZING: z.object({}),
  SUCCEEDED: z.object({}),
  FAILED: z.object({ code: z.enum(JobErrorCode), message: z.string(), field: z.string().nullable() }),
  CANCELLED: z.object({}),
} as const;

export type EventType = keyof typeof payloads;

/** An event to append. */
export type NewEvent = { [Type in EventType]: { type: Type; payload: z.input<(typeof payloads)[Type]> } }[EventType];

const terminal: ReadonlySet<string> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED'] satisfies EventType[]);

/** Whether an event of this type is its job's last. The status of an ended job has the name of its last event. */
export function isTerminal(type: EventType | JobStatus): boolean {
  return terminal.has(type);
}

/** Parses the payload of an event from the log. */
export function readPayload<Type extends EventType>(type: Type, payload: unknown): z.output<(typeof payloads)[Type]> {
  return payloads[type].parse(payload) as z.output<(typeof payloads)[Type]>;
}
