/** Reads the status of a request leniently: only the members that Likeness needs are required. */
import { z } from 'zod';
import type { FalLog, RequestStatus } from '../port.ts';

const text = z.string().nullish().catch(undefined);

const statusBody = z.object({
  status: z.enum(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']),
  queue_position: z.int().nonnegative().nullish().catch(undefined),
  logs: z.array(z.unknown()).nullish().catch(undefined),
  error: z.unknown().optional(),
  error_type: text,
});

/** fal's types have `level` and `source`, its samples do not; `labels` may hold the level instead. */
const logEntry = z.object({
  message: z.string(),
  timestamp: z.union([z.string(), z.number()]),
  level: text,
  labels: z.object({ level: text }).nullish().catch(undefined),
});

const failureDetail = z.object({ message: text, detail: text, type: text });

/** Undefined when the body is not a status. */
export function readStatus(body: unknown): RequestStatus | undefined {
  const parsed = statusBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { status, queue_position, logs, error, error_type } = parsed.data;
  return {
    status,
    queuePosition: status === 'IN_QUEUE' ? (queue_position ?? undefined) : undefined,
    logs: (logs ?? []).flatMap(readLog),
    error: status === 'COMPLETED' ? readFailure(error, error_type ?? undefined) : undefined,
  };
}

/** `error` is a sentence in fal's reference; an object is accepted too. */
function readFailure(error: unknown, type: string | undefined): RequestStatus['error'] {
  if (typeof error === 'string' && error !== '') return { type, message: error };
  const detail = failureDetail.safeParse(error);
  if (detail.success) {
    const kind = type ?? detail.data.type ?? undefined;
    return { type: kind, message: detail.data.message ?? detail.data.detail ?? kind ?? 'The request failed at fal.' };
  }
  return type === undefined || type === '' ? undefined : { type, message: type };
}

/** Drops a line without a valid time: time and message identify a line. */
function readLog(entry: unknown): FalLog[] {
  const parsed = logEntry.safeParse(entry);
  const timestamp = parsed.success ? readTimestamp(parsed.data.timestamp) : undefined;
  if (!parsed.success || timestamp === undefined) return [];
  const { message, level, labels } = parsed.data;
  return [{ message, timestamp, level: level ?? labels?.level ?? undefined }];
}

/**
 * ISO 8601 in UTC with every digit of the fraction, so that a line has the same identity each time it is read. fal writes
 * no zone and means UTC. A number is Unix time in seconds or, from 1e11 on, in milliseconds.
 */
export function readTimestamp(value: string | number): string | undefined {
  if (typeof value === 'number') {
    const at = new Date(value < 1e11 ? value * 1000 : value);
    return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
  }
  const match = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?$/i.exec(value.trim());
  if (!match) return undefined;
  const [, date, time, fraction = '', zone = 'Z'] = match;
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
  const at = new Date(`${date}T${time}${offset}`);
  if (Number.isNaN(at.getTime())) return undefined;
  return `${at.toISOString().slice(0, 19)}${fraction}Z`;
}
