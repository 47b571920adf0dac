/** Who follows a job over connections that it drops and the server's deaths break, joining what each of them gave. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../src/fal-simulator/random.ts';
import type { Caller } from './owner.ts';

export const eventFields = `__typename sequence occurredAt
  ... on JobSubmitted { requestId } ... on JobQueueMoved { position } ... on JobLogged { message loggedAt level }
  ... on JobProgressed { progress { percent step totalSteps source } } ... on JobFailed { error { code message } }`;
const document = `subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { ${eventFields} } }`;

export type SeenEvent = { __typename: string; sequence: number; progress?: { percent: number | null } };

export const isTerminal = ({ __typename }: SeenEvent) => /^Job(Succeeded|Failed|Cancelled)$/.test(__typename);

export type Followed = {
  /** In the order in which they came, over all connections. */
  events: SeenEvent[];
  connections: number;
  /** What a connection did that it must not. */
  wrong: string[];
};

/** Follows to the terminal event, or until `signal` aborts. */
export async function follow(caller: Caller, jobId: string, random: Random, signal: AbortSignal): Promise<Followed> {
  const followed: Followed = { events: [], connections: 0, wrong: [] };
  const { events, wrong } = followed;
  const hasEnded = () => events.some(isTerminal);
  while (!hasEnded() && !signal.aborted) {
    followed.connections += 1;
    const after = events.at(-1)?.sequence ?? 0;
    // Most stay to the end; the others leave after a few events, some of them after none.
    const stay = random.chance(0.6) ? Infinity : random.int(0, 8);
    const over = random.chance(0.5) ? 'WebSocket' : 'SSE';
    const outcome = await readSome(caller.stream(over, document, { jobId, after }), stay);
    if (outcome === 'COMPLETE' && !hasEnded() && !signal.aborted) {
      wrong.push(`${over} completed after ${events.at(-1)?.sequence ?? 0} without an end`);
    }
    if (outcome === 'BROKEN') await pause(50);
  }
  return followed;

  async function readSome(stream: ReturnType<typeof caller.stream>, stay: number) {
    let left = stay;
    if (left === 0) {
      await stream.return(undefined);
      return 'LEFT';
    }
    try {
      for await (const { data, errors } of stream) {
        if (errors !== undefined) wrong.push(`a stream gave ${JSON.stringify(errors)}`);
        if (data != null) events.push((data as { jobEvents: SeenEvent }).jobEvents);
        if ((left -= 1) <= 0) return 'LEFT';
      }
      return 'COMPLETE';
    } catch {
      return 'BROKEN';
    }
  }
}
