/** `server.limits`: what clients are told is what is in force, also where a setting says otherwise. */
import { expect, onTestFinished, test } from 'vitest';
import { startLikeness } from '../support/likeness.ts';

test('every limit that a client meets, as it is in force', async () => {
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
  const told = data?.server.limits ?? {};
  expect(told).toMatchObject({
    operationsPerMinute: 77,
    requestsPerAddress: 88,
    falRequestsPerMinute: 99,
    falJobsAtOnce: 9,
    maxPageSize: 100,
  });
  const inForce: Record<string, number> = likeness.app.limits;
  const ofServer = Object.keys(told).filter((name) => name in inForce);
  expect(ofServer.length).toBeGreaterThan(10);
  for (const name of ofServer) expect([name, told[name]]).toEqual([name, inForce[name]]);
});
