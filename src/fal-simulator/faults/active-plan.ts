/** The fault plan that is set now, and what it has done so far. Without one, no call is counted and nothing happens. */
import type { Call } from '../http/call.ts';
import type { CallSubject } from '../http/call-subject.ts';
import type { Reply } from '../http/reply.ts';
import type { Fault, FaultContext } from './fault.ts';
import { type Matcher, openMatcher } from './matcher.ts';
import type { FaultPlan } from './plan.ts';

export interface Faults {
  /** The plan's counts begin anew. */
  set(plan: FaultPlan): void;
  clear(): void;
  /** The plan as it was given; each entry with how many calls it met, and to how many it did something. */
  report(): object;
  /** A request was accepted: it has the next number. */
  accepted(requestId: string): void;
  /** What is to happen to this call, in the plan's order. Counts it. */
  meet(subject: CallSubject): readonly Fault[];
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
      faults: entries.map(({ matcher }, index) => ({ ...plan?.given[index], ...matcher.counts() })),
    }),
    accepted(requestId) {
      if (plan !== undefined) numbers.set(requestId, numbers.size + 1);
    },
    meet(subject) {
      if (entries.length === 0) return none;
      const numbered = { ...subject, number: numbers.get(subject.requestId ?? '') };
      return entries.filter(({ matcher }) => matcher.matches(numbered)).map(({ fault }) => fault);
    },
  };
}

const none: readonly Fault[] = [];

/** The answer to the call with the faults around it: the first is the outermost, and has the last word. */
export function withFaults(
  faults: readonly Fault[],
  answer: (call: Call) => Promise<Reply>,
  context: FaultContext,
): (call: Call) => Promise<Reply> {
  return faults.reduceRight(
    (next, { middleware }) =>
      (call) =>
        middleware(call, next, context),
    answer,
  );
}
