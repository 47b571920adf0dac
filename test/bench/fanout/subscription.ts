/** The subscription of every subscriber in the measurement, and the messages that answer it. */
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

/** The GraphQL result for a log line of fal, built without an executor. */
export function payloadOf({ sequence, occurredAt, payload }: JobEvent): string {
  const { message, loggedAt, level } = payload as { message: string; loggedAt: string; level: string };
  const jobEvents = { __typename: 'JobLogged', sequence, occurredAt, message, loggedAt, level };
  return JSON.stringify({ data: { jobEvents } });
}

/** As long as the ids that the client of graphql-ws creates. */
export const operationId = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
