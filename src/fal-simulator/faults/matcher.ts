/** Decides which calls a fault applies to. */
import { z } from 'zod';
import { type EndpointId, endpointIds } from '../../fal/endpoints.ts';
import type { CallSubject } from '../http/call-subject.ts';
import { randomFrom } from '../random.ts';

const position = z.int().positive();
const requestExpected = 'Expected the number of a request, from 1, or its id';
const positions = z.union(
  [position, z.array(position).min(1), z.strictObject({ from: position, to: position.optional() })],
  { error: 'Expected a number, a list of numbers, or {"from": 2, "to": 5}; the first is 1' },
);

/** The optional conditions of an entry; plan.ts documents them. */
export const matchShape = {
  endpoint: z.enum(endpointIds as [EndpointId, ...EndpointId[]]).optional(),
  request: z.union([position, z.uuid({ error: requestExpected })], { error: requestExpected }).optional(),
  nth: positions.optional(),
  per: z.literal('request').optional(),
  times: position.optional(),
  chance: z.number().min(0).max(1).optional(),
};
const matchSchema = z.object(matchShape);
export type Match = z.output<typeof matchSchema>;

/** A subject with its request's number; undefined for a request from before the plan, and before a submit. */
export type Numbered = CallSubject & { number: number | undefined };

export interface Matcher {
  /** Whether the fault applies to the call. Counts the call. */
  matches(subject: Numbered): boolean;
  /** `met`: calls that fit its endpoint and request; `done`: calls that it applied to. */
  counts(): { met: number; done: number };
}

/** Chance depends on the seed, the request and the number of the call only, so that equal runs have equal faults. */
export function openMatcher(entry: object, kind: string, ...seed: (string | number)[]): Matcher {
  const { endpoint, request, nth, per, times, chance } = matchSchema.parse(entry);
  const met = openCount();
  const done = openCount();

  return {
    matches(subject) {
      if (subject.kind !== kind) return false;
      if (endpoint !== undefined && subject.endpoint !== endpoint) return false;
      if (request !== undefined && request !== subject.number && request !== subject.requestId) return false;
      const own = subject.requestId ?? '';
      const isPerRequest = per === 'request';
      met.add(own);
      if (nth !== undefined && !isAt(nth, isPerRequest ? met.of(own) : met.all())) return false;
      if (times !== undefined && (isPerRequest ? done.of(own) : done.all()) >= times) return false;
      if (chance !== undefined && !randomFrom(...seed, subject.number ?? '', met.of(own)).chance(chance)) return false;
      done.add(own);
      return true;
    },
    counts: () => ({ met: met.all(), done: done.all() }),
  };
}

/** Counts per request and in total. */
function openCount() {
  const counts = new Map<string, number>();
  let all = 0;
  return {
    add(requestId: string): void {
      counts.set(requestId, (counts.get(requestId) ?? 0) + 1);
      all += 1;
    },
    of: (requestId: string) => counts.get(requestId) ?? 0,
    all: () => all,
  };
}

function isAt(nth: NonNullable<Match['nth']>, position: number): boolean {
  if (typeof nth === 'number') return position === nth;
  if (Array.isArray(nth)) return nth.includes(position);
  return position >= nth.from && position <= (nth.to ?? Infinity);
}
