/** The current fault plan and its counts. */
import type { Call } from '../http/call.ts';
import type { CallSubject } from '../http/call-subject.ts';
import type { Reply } from '../http/reply.ts';
import type { Fault, FaultContext } from './fault.ts';
import { type Matcher, openMatcher } from './matcher.ts';
import type { FaultPlan } from './plan.ts';

export interface Faults {
  /** Replaces the plan and resets its counts. */
  set(plan: FaultPlan): void;
  clear(): void;
  /** The plan; each entry with the number of calls it was checked for (`met`) and applied to (`done`). */
  report(): object;
  /** Gives an accepted request the next number. */
  accepted(requestId: string): void;
  /** The faults for this call, in the plan's order. Counts the call. */
  match(subject: CallSubject): readonly Fault[];
}

export function openFaults(initial?: FaultPlan): Faults {
  let plan: FaultPlan | undefined;
  let entries: { fault: Fault; matcher: Matcher }[] = [];
  let numbers = new Map<string, number>();
  const set = (next: FaultPlan | undefined): void => {
    plan = next;
    numbers = new Map();
    entries = (next?.faults ?? []).map((fault, index) => ({
      fault,
      matcher: openMatcher(fault.match, fault.on, next?.seed ?? 0, index),
    }));
  };
  set(initial);

  return {
    set,
    clear: () => set(undefined),
    report: () => ({
      seed: plan?.seed ?? null,
      faults: entries.map(({ matcher }, index) => ({ ...plan?.entries[index], ...matcher.counts() })),
    }),
    accepted(requestId) {
      if (plan !== undefined) numbers.set(requestId, numbers.size + 1);
    },
    match(subject) {
      if (entries.length === 0) return none;
      const numbered = { ...subject, number: numbers.get(subject.requestId ?? '') };
      return entries.filter(({ matcher }) => matcher.matches(numbered)).map(({ fault }) => fault);
    },
  };
}

const none: readonly Fault[] = [];

/** Wraps `handle` in the faults: the first fault is the outermost. */
export function withFaults(
  faults: readonly Fault[],
  handle: (call: Call) => Promise<Reply>,
  context: FaultContext,
): (call: Call) => Promise<Reply> {
  return faults.reduceRight(
    (next, { middleware }) =>
      (call) =>
        middleware(call, next, context),
    handle,
  );
}
