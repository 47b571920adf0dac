/** What every subscriber of the measurement asks for, and what it is sent. */
import type { JobEvent } from '../../../prisma/generated/client/client.ts';

export const eventsDocument = `subscription Follow($jobId: ID!, $after: Int) {
  jobEvents(jobId: $jobId, after: $after) {
    __typename
    sequence
    occurredAt
    ... on JobQueueMoved { position }
    ... on JobLogged { message loggedAt level }
    ... on JobProgressed { progress { percent step totalSteps source } }
    ... on JobFailed { error { code message retryable field } }
  }
}`;

/** The answer that the executor gives for a line of fal's, written by hand. */
export function payloadOf({ sequence, occurredAt, payload }: JobEvent): string {
  const { message, loggedAt, level } = payload as { message: string; loggedAt: string; level: string };
  const jobEvents = { __typename: 'JobLogged', sequence, occurredAt, message, loggedAt, level };
  return JSON.stringify({ data: { jobEvents } });
}

/** As long as graphql-ws's client makes them. */
export const operationId = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
