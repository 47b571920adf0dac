/** Which subscriptions are answered together: only those whose answers cannot differ. */
import { getOperationAST, parse } from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../../../src/app/schema.ts';
import { sharingKeyOf } from '../../../src/server/fanout/sharing-key.ts';

const text =
  'subscription($jobId: ID!, $after: Int, $all: Boolean = true) { jobEvents(jobId: $jobId, after: $after) { sequence ... on JobLogged @include(if: $all) { message } } }';

const of = (query: string, variables: Record<string, unknown>, operationName?: string) => {
  const document = parse(query);
  const operation = getOperationAST(document, operationName);
  if (!operation) throw new Error('The document has no such operation.');
  return sharingKeyOf(schema, document, operation, { query, variables });
};

test('what is followed and from where does not count: the source of the events says it', () => {
  const one = of(text, { jobId: 'a' });
  expect(one).toBeDefined();
  expect(of(text, { jobId: 'b', after: 7 })).toBe(one);
});

test('every other variable, the text and the operation’s name do', () => {
  const two = `${text.replace('subscription', 'subscription A')} ${text.replace('subscription', 'subscription B')}`;
  const all = [
    of(text, { jobId: 'a' }),
    of(text, { jobId: 'a', all: true }),
    of(text, { jobId: 'a', all: false }),
    of(`${text} `, { jobId: 'a' }),
    of(two, { jobId: 'a' }, 'A'),
    of(two, { jobId: 'a' }, 'B'),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(all).not.toContain(undefined);
});

test('a variable counts that is an argument of the field and is used elsewhere too', () => {
  const query =
    'subscription($jobId: ID!, $first: Int) { jobEvents(jobId: $jobId, after: $first) { job { events(first: $first) { edges { cursor } } } } }';
  expect(of(query, { jobId: 'a', first: 1 })).not.toBe(of(query, { jobId: 'a', first: 2 }));
});

test.each([
  ['a query', '{ viewer { id } }'],
  ['another subscription', 'subscription { jobChanged { id } }'],
  ['the field within a fragment', `subscription { ... { jobEvents(jobId: "a") { sequence } } }`],
])('%s is answered alone', (_what, query) => {
  expect(of(query, {})).toBeUndefined();
});
