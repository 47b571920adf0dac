/** `server.limits` reports the limits that are in force, including those changed by settings. */
import { expect, onTestFinished, test } from 'vitest';
import { startLikeness } from '../support/likeness.ts';

test('server.limits reports every limit with the value that is in force', async () => {
  const likeness = await startLikeness({
    manual: true,
    env: {
      OPERATIONS_PER_MINUTE: '77',
      REQUESTS_PER_ADDRESS: '88',
      FAL_SUBMITS_PER_MINUTE: '99',
      FAL_JOBS_AT_ONCE: '9',
    },
  });
  onTestFinished(() => likeness.close());
  const { data: described } = await likeness.gql<{ __type: { fields: { name: string }[] } }>(
    '{ __type(name: "Limits") { fields { name } } }',
  );
  const names = described?.__type.fields.map(({ name }) => name) ?? [];
  const { data } = await likeness.gql<{ server: { limits: Record<string, number> } }>(
    `{ server { limits { ${names.join(' ')} } } }`,
  );
  const reported = data?.server.limits ?? {};
  expect(reported).toMatchObject({
    operationsPerMinute: 77,
    requestsPerAddress: 88,
    falRequestsPerMinute: 99,
    falJobsAtOnce: 9,
    maxPageSize: 100,
  });
  const inForce: Record<string, number> = likeness.app.limits;
  const ofServer = Object.keys(reported).filter((name) => name in inForce);
  expect(ofServer.length).toBeGreaterThan(10);
  for (const name of ofServer) expect([name, reported[name]]).toEqual([name, inForce[name]]);
});
