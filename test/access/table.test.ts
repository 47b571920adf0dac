/** Who gets what: every root field, every Node type and every field behind it, as every role. */
import { type GraphQLObjectType, isInterfaceType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { schema } from '../../src/app/schema.ts';
import { issueCredits } from '../../src/ledger/commands.ts';
import { globalId, uuidIn } from '../support/api.ts';
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
import { mark, walksFrom } from './table-walk.ts';
import {
  type Answer,
  absent,
  absentIds,
  checksums,
  idsOf,
  leaksIn,
  openWorld,
  outcomeOf,
  type World,
} from './table-world.ts';

let world: World;
let ids: Ids;
let nothing: Ids;
beforeAll(async () => {
  world = await openWorld();
  ids = idsOf(world.owner);
  nothing = absentIds(ids);
});
afterAll(() => world.close());

const rolesThat = (gets: Row['gets'], isSo: (outcome: string) => boolean) => roles.filter((role) => isSo(gets[role]));
const isValue = (outcome: string) => outcome === 'VALUE';
const fieldsOf = (root: GraphQLObjectType | null | undefined) => Object.keys(root?.getFields() ?? {}).sort();

const expectNoLeak = (role: Role, { text }: Answer) =>
  expect({ role, leaks: leaksIn(text, role, world.owner) }).toEqual({ role, leaks: [] });

/** Whoever gets no value of the owner's gets the answer, to the byte, that an id of nothing gets. */
async function expectSameAsNothing(role: Role, { document, variables, file }: Omit<Row, 'gets'>): Promise<Answer> {
  const about = { document, ...(file !== undefined && { file }) };
  const answer = await world.send(role, { ...about, given: variables(ids) });
  expect({ role, ...answer }).toEqual({ role, ...(await world.send(role, { ...about, given: variables(nothing) })) });
  expectNoLeak(role, answer);
  return answer;
}

test('the table has every root field and every Node type that there is', () => {
  const node = schema.getType('Node');
  const types = isInterfaceType(node) ? schema.getPossibleTypes(node).map(({ name }) => name) : [];
  expect(Object.keys(queries).sort()).toEqual(fieldsOf(schema.getQueryType()));
  expect(Object.keys(mutations).sort()).toEqual(fieldsOf(schema.getMutationType()));
  expect(Object.keys(subscriptions).sort()).toEqual(fieldsOf(schema.getSubscriptionType()));
  expect(Object.keys(nodeTypes).sort()).toEqual(types.sort());
});

test('every role but the reader is another user than the owner, and two users under one external id are two', () => {
  const { owner, reader, admin, ...others } = world.viewers;
  expect([reader, admin]).toEqual([owner, localViewer.id]);
  expect(new Set([owner, admin, ...Object.values(others)]).size).toBe(6);
});

describe('a query', () => {
  test.each(Object.entries(queries))('%s', async (name, row) => {
    const got: Record<string, string> = {};
    for (const role of roles) {
      const answer = isValue(row.gets[role])
        ? await world.send(role, { document: row.document, given: row.variables(ids) })
        : await expectSameAsNothing(role, row);
      got[role] = outcomeOf(name, answer);
      expectNoLeak(role, answer);
    }
    expect(got).toEqual(row.gets);
  });
});

describe('a Node', () => {
  test.each(Object.entries(nodeTypes))('%s', async (type, gets) => {
    const all = world.owner.rows[type as keyof typeof world.owner.rows].map(({ id }) => globalId(type, id));
    const rows = {
      node: queries['node']?.document ?? '',
      nodes: 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }',
    };
    for (const [field, document] of Object.entries(rows)) {
      const got: Record<string, string> = {};
      for (const role of roles) {
        const given = { id: all[0], ids: all };
        const answer = await world.send(role, { document, given });
        got[role] = outcomeOf(field, answer);
        if (isValue(gets[role])) continue;
        expectNoLeak(role, answer);
        const none = { id: absent(all[0] ?? ''), ids: all.map(absent) };
        expect(answer).toEqual(await world.send(role, { document, given: none }));
      }
      expect(got).toEqual(gets);
    }
  });
});

describe('every field of', () => {
  const nodes = Object.keys(nodeTypes);
  const walks = walksFrom(nodes);
  // What an admin might reach through what they may read.
  const few: readonly Role[] = ['owner', 'reader', 'stranger', 'admin'];
  const fromUser = walksFrom(['User']).slice(1);
  const shown: string[] = [];

  const all = [...walks.map((walk) => [walk, roles] as const), ...fromUser.map((walk) => [walk, few] as const)];
  test.each(all.map(([walk, to]) => [walk.title, walk, to] as const))('%s', async (_title, {
    start,
    at,
    document,
  }, to) => {
    const of = world.owner.rows[start as keyof typeof world.owner.rows].map(({ id }) => globalId(start, id));
    const isHere = ({ text }: Answer) => text.includes(`"${mark}":"${at}"`);
    const mine = await world.send('owner', { document, given: { ids: of } });
    expect(JSON.parse(mine.text)).not.toHaveProperty('errors');
    expect(isHere(mine)).toBe(true);
    shown.push(mine.text);
    expect(await world.send('reader', { document, given: { ids: of } })).toEqual(mine);
    for (const role of to.slice(2)) {
      const answer = await world.send(role, { document, given: { ids: of } });
      expectNoLeak(role, answer);
      const isShown = isValue(nodeTypes[start]?.[role] ?? '');
      expect([role, isHere(answer)]).toEqual([role, isShown && readByAdmin.has(at)]);
      // Where it ends for them, it ends in a null that is no error.
      expect([role, answer.text.includes('"errors"')]).toEqual([role, role === 'nobody']);
      if (isShown) continue;
      expect(answer).toEqual(await world.send(role, { document, given: { ids: of.map(absent) } }));
    }
  });

  test('what is the owner’s was all looked for: they themselves are shown each id and canary of it', () => {
    const { owner } = world;
    expect(leaksIn(shown.join('\n'), 'nobody', owner).length).toBe(2 + owner.ownIds.length + owner.accountIds.length);
  });
});

describe('a mutation changes nothing for whoever may not run it:', () => {
  test.each(Object.entries(mutations))('%s', async (name, row) => {
    const before = await checksums(world.app);
    const refused = rolesThat(row.gets, (outcome) => !isValue(outcome));
    const got: Record<string, string> = {};
    for (const role of refused) got[role] = outcomeOf(name, await expectSameAsNothing(role, row));
    expect(got).toEqual(Object.fromEntries(refused.map((role) => [role, row.gets[role]])));
    expect(await checksums(world.app)).toEqual(before);
  });
});

describe('a mutation is done for whoever may run it:', () => {
  test.each(Object.entries(mutations))('%s', async (name, { gets, variables, ...row }) => {
    const { accountIds, ownIds } = world.owner;
    const sums = () => checksums(world.app, [...accountIds, ...ownIds]);
    const run = async (role: Role) => {
      const answer = await world.send(role, { ...row, given: variables(ids) });
      expect([role, outcomeOf(name, answer)]).toEqual([role, 'VALUE']);
      expectNoLeak(role, answer);
    };
    // What others make by a mutation that is not the admin's is theirs, and changes no row that knows the owner.
    const others = isValue(gets.owner) ? rolesThat(gets, isValue).filter((role) => role !== 'owner') : [];
    const before = await sums();
    for (const role of others) await run(role);
    expect(await sums()).toEqual(before);
    await run(isValue(gets.owner) ? 'owner' : 'admin');
  });
});

describe('beside the table', () => {
  test('a key without READ gets nothing at all', async () => {
    const got: Record<string, string> = {};
    for (const [name, { variables, ...row }] of Object.entries({ ...queries, ...mutations })) {
      got[name] = outcomeOf(name, await world.send('mute', { ...row, given: variables(ids) }));
    }
    expect([...new Set(Object.values(got))]).toEqual(['FORBIDDEN']);
  });

  test('an idempotency key is of one owner: under another’s, a stranger starts a job of their own', async () => {
    const { app, viewers, send, owner } = world;
    await issueCredits(app, viewers.stranger, 'GRANT', { credits: 100, reason: 'r' });
    const { id } = await addAvatar(app.prisma, viewers.stranger);
    const answer = await send('stranger', {
      document: mutations['startGeneration']?.document ?? '',
      given: { given: { avatarId: globalId('PortraitAvatar', id), prompt: 'at sea', idempotencyKey } },
    });
    expect(outcomeOf('startGeneration', answer)).toBe('VALUE');
    expect(leaksIn(answer.text, 'stranger', owner)).toEqual([]);
  });

  test('a key that acts for others reaches no user who is not its own, whatever name it gives', async () => {
    const { owner, headers, url } = world;
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
