/** A follower of one job that nothing shakes off. */
import { subscribe } from './http.ts';

export type Seen = { __typename: string; sequence: number };

const eventsDocument =
  'subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { __typename sequence } }';

/** Follows a job over whatever breaks, wherever `url` says at each attempt, behind the last number that it saw. */
export function followAnywhere(url: () => string, jobId: string) {
  const seen: Seen[] = [];
  const waiting = new Set<() => void>();
  const isEnd = (event: Seen | undefined) => /Succeeded|Failed|Cancelled/.test(event?.__typename ?? '');
  const whole = (async () => {
    while (!isEnd(seen.at(-1))) {
      const variables = { jobId, after: seen.at(-1)?.sequence ?? 0 };
      try {
        for await (const { data } of subscribe<{ jobEvents: Seen }>(url(), eventsDocument, variables)) {
          if (data) seen.push(data.jobEvents);
          for (const check of waiting) check();
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    return seen;
  })();
  const until = (type: string) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!seen.some(({ __typename }) => __typename === type)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return { whole, until };
}
