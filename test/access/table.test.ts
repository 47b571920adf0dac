/** The access table: every root field, every Node type and every field reachable from it, as every role. */
import { type GraphQLObjectType, isInterfaceType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { schema } from '../../src/app/schema.ts';
import { issueCredits } from '../../src/ledger/commands.ts';
import { globalId, uuidIn } from '../support/global-id.ts';
import { addAvatar } from '../support/rows.ts';
import { idempotencyKey } from './table-owner.ts';
import {
  type Ids,
  mutations,
  nodeTypes,
  queries,
  type Role,
  type Row,
  readByAdmin,
  roles,
  subscriptions,
} from './table-rows.ts';
import {
  type Answer,
  absent,
  absentIds,
  checksums,
  idsOf,
  leaksIn,
  openTableServer,
  outcomeOf,
  type TableServer,
} from './table-server.ts';
import { mark, walksFrom } from './table-walk.ts';

let server: TableServer;
let ids: Ids;
let absents: Ids;
beforeAll(async () => {
  server = await openTableServer();
  ids = idsOf(server.owner);
  absents = absentIds(ids);
});
afterAll(() => server.close());

const rolesThat = (gets: Row['gets'], isSo: (outcome: string) => boolean) => roles.filter((role) => isSo(gets[role]));
const isValue = (outcome: string) => outcome === 'VALUE';
const fieldsOf = (root: GraphQLObjectType | null | undefined) => Object.keys(root?.getFields() ?? {}).sort();

const expectNoLeak = (role: Role, { text }: Answer) =>
  expect({ role, leaks: leaksIn(text, role, server.owner) }).toEqual({ role, leaks: [] });

/** Expects byte for byte the answer that ids of nothing get. Used for roles that may not see the owner's data. */
async function expectSameAsAbsent(role: Role, { document, variables, file }: Omit<Row, 'gets'>): Promise<Answer> {
  const about = { document, ...(file !== undefined && { file }) };
  const answer = await server.send(role, { ...about, given: variables(ids) });
  expect({ role, ...answer }).toEqual({ role, ...(await server.send(role, { ...about, given: variables(absents) })) });
  expectNoLeak(role, answer);
  return answer;
}

test('the table lists every root field and every Node type of the schema', () => {
  const node = schema.getType('Node');
  const types = isInterfaceType(node) ? schema.getPossibleTypes(node).map(({ name }) => name) : [];
  expect(Object.keys(queries).sort()).toEqual(fieldsOf(schema.getQueryType()));
  expect(Object.keys(mutations).sort()).toEqual(fieldsOf(schema.getMutationType()));
  expect(Object.keys(subscriptions).sort()).toEqual(fieldsOf(schema.getSubscriptionType()));
  expect(Object.keys(nodeTypes).sort()).toEqual(types.sort());
});

test('every role except the reader is a different user than the owner, and so are two users with the same external id', () => {
  const { owner, reader, admin, ...others } = server.viewers;
  expect([reader, admin]).toEqual([owner, localViewer.id]);
  expect(new Set([owner, admin, ...Object.values(others)]).size).toBe(6);
});

describe('a query', () => {
  test.each(Object.entries(queries))('%s', async (name, row) => {
    const got: Record<string, string> = {};
    for (const role of roles) {
      const answer = isValue(row.gets[role])
        ? await server.send(role, { document: row.document, given: row.variables(ids) })
        : await expectSameAsAbsent(role, row);
      got[role] = outcomeOf(name, answer);
      expectNoLeak(role, answer);
    }
    expect(got).toEqual(row.gets);
  });
});

describe('a Node', () => {
  test.each(Object.entries(nodeTypes))('%s', async (type, gets) => {
    const all = server.owner.rows[type as keyof typeof server.owner.rows].map(({ id }) => globalId(type, id));
    const rows = {
      node: queries['node']?.document ?? '',
      nodes: 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }',
    };
    for (const [field, document] of Object.entries(rows)) {
      const got: Record<string, string> = {};
      for (const role of roles) {
        const given = { id: all[0], ids: all };
        const answer = await server.send(role, { document, given });
        got[role] = outcomeOf(field, answer);
        if (isValue(gets[role])) continue;
        expectNoLeak(role, answer);
        const none = { id: absent(all[0] ?? ''), ids: all.map(absent) };
        expect(answer).toEqual(await server.send(role, { document, given: none }));
      }
      expect(got).toEqual(gets);
    }
  });
});

describe('every field of', () => {
  const nodes = Object.keys(nodeTypes);
  const walks = walksFrom(nodes);
  // The types that an admin reaches through a user.
  const few: readonly Role[] = ['owner', 'reader', 'stranger', 'admin'];
  const fromUser = walksFrom(['User']).slice(1);
  const shown: string[] = [];

  const all = [...walks.map((walk) => [walk, roles] as const), ...fromUser.map((walk) => [walk, few] as const)];
  test.each(all.map(([walk, to]) => [walk.title, walk, to] as const))('%s', async (_title, {
    start,
    at,
    document,
  }, to) => {
    const of = server.owner.rows[start as keyof typeof server.owner.rows].map(({ id }) => globalId(start, id));
    const isHere = ({ text }: Answer) => text.includes(`"${mark}":"${at}"`);
    const mine = await server.send('owner', { document, given: { ids: of } });
    expect(JSON.parse(mine.text)).not.toHaveProperty('errors');
    expect(isHere(mine)).toBe(true);
    shown.push(mine.text);
    expect(await server.send('reader', { document, given: { ids: of } })).toEqual(mine);
    for (const role of to.slice(2)) {
      const answer = await server.send(role, { document, given: { ids: of } });
      expectNoLeak(role, answer);
      const isShown = isValue(nodeTypes[start]?.[role] ?? '');
      expect([role, isHere(answer)]).toEqual([role, isShown && readByAdmin.has(at)]);
      // Where the role may not read on, it gets null without an error.
      expect([role, answer.text.includes('"errors"')]).toEqual([role, role === 'nobody']);
      if (isShown) continue;
      expect(answer).toEqual(await server.send(role, { document, given: { ids: of.map(absent) } }));
    }
  });

  test('the owner is shown each of their ids and canaries, so the search for leaks covers them all', () => {
    const { owner } = server;
    expect(leaksIn(shown.join('\n'), 'nobody', owner).length).toBe(2 + owner.ownIds.length + owner.accountIds.length);
  });
});

describe('a role that may not run a mutation changes nothing:', () => {
  test.each(Object.entries(mutations))('%s', async (name, row) => {
    const before = await checksums(server.app);
    const refused = rolesThat(row.gets, (outcome) => !isValue(outcome));
    const got: Record<string, string> = {};
    for (const role of refused) got[role] = outcomeOf(name, await expectSameAsAbsent(role, row));
    expect(got).toEqual(Object.fromEntries(refused.map((role) => [role, row.gets[role]])));
    expect(await checksums(server.app)).toEqual(before);
  });
});

describe('a role that may run a mutation runs it:', () => {
  test.each(Object.entries(mutations))('%s', async (name, { gets, variables, ...row }) => {
    const { accountIds, ownIds } = server.owner;
    const sums = () => checksums(server.app, [...accountIds, ...ownIds]);
    const run = async (role: Role) => {
      const answer = await server.send(role, { ...row, given: variables(ids) });
      expect([role, outcomeOf(name, answer)]).toEqual([role, 'VALUE']);
      expectNoLeak(role, answer);
    };
    // Other roles run a mutation on their own data, which changes no row of the owner.
    const others = isValue(gets.owner) ? rolesThat(gets, isValue).filter((role) => role !== 'owner') : [];
    const before = await sums();
    for (const role of others) await run(role);
    expect(await sums()).toEqual(before);
    await run(isValue(gets.owner) ? 'owner' : 'admin');
  });
});

describe('outside the table', () => {
  test('a key without READ cannot run any query or mutation', async () => {
    const got: Record<string, string> = {};
    for (const [name, { variables, ...row }] of Object.entries({ ...queries, ...mutations })) {
      got[name] = outcomeOf(name, await server.send('mute', { ...row, given: variables(ids) }));
    }
    expect([...new Set(Object.values(got))]).toEqual(['FORBIDDEN']);
  });

  test('a stranger who uses the owner’s idempotency key starts a separate job', async () => {
    const { app, viewers, send, owner } = server;
    await issueCredits(app, viewers.stranger, 'GRANT', { credits: 100, reason: 'r' });
    const { id } = await addAvatar(app.prisma, viewers.stranger);
    const answer = await send('stranger', {
      document: mutations['startGeneration']?.document ?? '',
      given: { given: { avatarId: globalId('PortraitAvatar', id), prompt: 'at sea', idempotencyKey } },
    });
    expect(outcomeOf('startGeneration', answer)).toBe('VALUE');
    expect(leaksIn(answer.text, 'stranger', owner)).toEqual([]);
  });

  test('a key with ACT_AS cannot act for a user of another key owner, whatever name it sends', async () => {
    const { owner, headers, url } = server;
    const { id } = owner.viewer;
    for (const name of [id, globalId('User', id), `user:${id}`, `user:${localViewer.id}:${id}`]) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers.guest, 'x-likeness-user': name },
        body: JSON.stringify({ query: '{ viewer { id } jobs { edges { node { id } } } }' }),
      });
      const { data } = (await response.json()) as { data: { viewer: { id: string }; jobs: { edges: object[] } } };
      expect([uuidIn(data.viewer.id) === id, data.jobs.edges]).toEqual([false, []]);
    }
  });
});
