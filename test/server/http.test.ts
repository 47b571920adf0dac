/** GraphQL over HTTP, as any client sees it. */
import { serverAudits } from 'graphql-http';
import { expect, test } from 'vitest';
import { gql, sse, subscribe, upload } from '../support/http.ts';
import { openWorld } from './world.ts';

test('a query, an upload and both kinds of subscription', async () => {
  const { url } = await openWorld();
  expect(await gql(url, '{ hello }')).toEqual({ data: { hello: 'hello world' } });
  const saved = await upload(
    url,
    'mutation ($file: File!) { save(file: $file) { fileName byteSize isCutOff } }',
    { file: null },
    [{ path: 'variables.file', name: 'é.png', content: 'abc' }],
  );
  expect(saved).toEqual({ status: 200, data: { save: { fileName: 'é.png', byteSize: 3, isCutOff: false } } });
  for (const follow of [subscribe, sse]) {
    const seen: unknown[] = [];
    for await (const { data } of follow(url, 'subscription { countTo(last: 3) }')) seen.push(data?.['countTo']);
    expect(seen).toEqual([1, 2, 3]);
  }
});

test('the GraphQL over HTTP audits', async () => {
  const { url } = await openWorld();
  const results = await Promise.all(serverAudits({ url: `${url}/graphql` }).map((audit) => audit.fn()));
  const failed = results.filter((result) => result.status !== 'ok');
  expect(failed.map(({ name, status }) => `${status}: ${name}`)).toEqual([]);
  expect(results.length).toBeGreaterThan(50);
});
