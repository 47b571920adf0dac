/** Balance, ledger and cost of jobs, through the API. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLedger, type Refused } from './open-ledger.ts';

type Ledger = Awaited<ReturnType<typeof openLedger>>;
let ledger: Ledger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());
beforeEach(() => {
  ledger.app.metering = { isOn: true, dailyBudgetTenths: null };
  ledger.app.now = () => ledger.noon;
});

const startDocument = `mutation($input: StartGenerationInput!) { startGeneration(input: $input) { __typename ... on Generation { id cost { price paid isMetered } }
  ... on Error { message } ... on InsufficientCreditsError { balance price } ... on LimitReachedError { limit retryAfterSeconds } } }`;
const start = async (as: { id: string }, avatarId: string, numImages = 4, more: object = {}) => {
  const input = { avatarId, prompt: 'at sea', numImages, ...more };
  return (await ledger.ask<{ startGeneration: Refused }>(startDocument, { input }, as)).startGeneration;
};
const costOf = async (id: string, as: { id: string }) => {
  const document = 'query($id: ID!) { node(id: $id) { ... on Job { status cost { price paid isMetered } } } }';
  return (await ledger.ask<{ node: { status: string; cost: object } }>(document, { id }, as)).node;
};
type Node = { kind: string; account: string; credits: number; movementId: string; reason: string | null; job: unknown };
const ledgerDocument = `query($after: String) { viewer { ledger(first: 3, after: $after) { pageInfo { hasNextPage endCursor }
  edges { node { kind account credits movementId reason job { id } } } } } }`;
async function entriesOf(as: { id: string }): Promise<Node[]> {
  const nodes: Node[] = [];
  for (let after: string | undefined, more = true; more; ) {
    type Page = { pageInfo: { hasNextPage: boolean; endCursor: string }; edges: { node: Node }[] };
    const { viewer } = await ledger.ask<{ viewer: { ledger: Page } }>(ledgerDocument, { after }, as);
    nodes.push(...viewer.ledger.edges.map(({ node }) => node));
    after = viewer.ledger.pageInfo.endCursor;
    more = viewer.ledger.pageInfo.hasNextPage;
  }
  return nodes;
}
const linesOf = (nodes: Node[]) => nodes.map(({ kind, account, credits }) => `${kind} ${account} ${credits}`).sort();

describe('a metered generation of four', () => {
  it('reserves its price, and pays for three images when fal flags the fourth', async () => {
    const { owner, portrait } = await ledger.addOwner(100);
    const { id, ...started } = await start(owner, portrait);
    expect(started).toEqual({ __typename: 'Generation', cost: { price: 20, paid: null, isMetered: true } });
    expect(await ledger.account(owner)).toEqual({ balance: 80, reserved: 20, spentToday: 20, dailyBudget: null });
    await ledger.end(id, 'oo!o');
    expect(await costOf(id, owner)).toEqual({ status: 'SUCCEEDED', cost: { price: 20, paid: 15, isMetered: true } });
    expect(await ledger.account(owner)).toEqual({ balance: 85, reserved: 0, spentToday: 15, dailyBudget: null });
    const nodes = await entriesOf(owner);
    expect(linesOf(nodes)).toEqual(
      [
        ['GRANT AVAILABLE 100', 'GRANT ISSUED -100'],
        ['RESERVATION AVAILABLE -20', 'RESERVATION RESERVED 20'],
        ['SETTLEMENT RESERVED -15', 'SETTLEMENT EARNED 15'],
        ['RELEASE RESERVED -5', 'RELEASE AVAILABLE 5'],
      ]
        .flat()
        .sort(),
    );
    expect(nodes.slice(-2).map(({ kind }) => kind)).toEqual(['GRANT', 'GRANT']);
    for (const { kind, job, reason } of nodes) {
      expect([job, reason]).toEqual(kind === 'GRANT' ? [null, 'to begin with'] : [{ id }, null]);
    }
    const movements = nodes.map(({ movementId }) => movementId);
    expect(movements.every((one) => movements.filter((other) => other === one).length === 2)).toBe(true);
  });

  it.each([
    ['one image is lost', 'ooxo', 15],
    ['three images are lost', 'xoxx', 5],
    ['fal delivers fewer', 'oo', 10],
    ['fal delivers all', 'oooo', 20],
    ['fal delivers more', 'ooooo', 20],
    ['one image is lost and one flagged', 'x!oo', 10],
  ])('pays for the delivered images only: %s', async (_what, drawn, paid) => {
    const { owner, portrait } = await ledger.addOwner(20);
    const { id } = await start(owner, portrait);
    await ledger.end(id, drawn);
    expect((await costOf(id, owner)).cost).toEqual({ price: 20, paid, isMetered: true });
    expect(await ledger.account(owner)).toMatchObject({ balance: 20 - paid, reserved: 0, spentToday: paid });
  });

  it.each(['fail', 'stop'])('pays nothing when it ends with %s', async (how) => {
    const { owner, portrait } = await ledger.addOwner(20);
    const { id } = await start(owner, portrait);
    await ledger.end(id, how);
    expect((await costOf(id, owner)).cost).toEqual({ price: 20, paid: 0, isMetered: true });
    expect(await ledger.account(owner)).toMatchObject({ balance: 20, reserved: 0, spentToday: 0 });
    expect((await entriesOf(owner)).filter(({ account }) => account === 'EARNED')).toEqual([]);
  });

  it('pays nothing when its owner cancels it or deletes its avatar, and its ledger entries remain', async () => {
    const { owner, portrait } = await ledger.addOwner(40);
    const { id } = await start(owner, portrait);
    await ledger.ask('mutation($id: ID!) { cancelJob(jobId: $id) { __typename } }', { id }, owner);
    expect(await costOf(id, owner)).toEqual({ status: 'CANCELLED', cost: { price: 20, paid: 0, isMetered: true } });
    await start(owner, portrait);
    await ledger.ask('mutation($id: ID!) { deleteAvatar(avatarId: $id) { __typename } }', { id: portrait }, owner);
    expect(await ledger.account(owner)).toMatchObject({ balance: 40, reserved: 0, spentToday: 0 });
    const nodes = await entriesOf(owner);
    expect(nodes).toHaveLength(10);
    expect(nodes.every(({ job }) => job === null)).toBe(true);
  });

  it('with the ultra model costs 7.5 credits an image', async () => {
    const { owner, style } = await ledger.addOwner(7.5);
    expect((await start(owner, style, 1))['cost']).toEqual({ price: 7.5, paid: null, isMetered: true });
    expect(await ledger.account(owner)).toMatchObject({ balance: 0, reserved: 7.5 });
  });
});

describe('a start', () => {
  it('without enough credits is refused with the balance and the price', async () => {
    const { owner, portrait } = await ledger.addOwner(19.9);
    const before = await ledger.rows();
    expect(await start(owner, portrait)).toEqual({
      __typename: 'InsufficientCreditsError',
      message: 'This costs 20 credits, and the balance is 19.9. Nothing was started.',
      balance: 19.9,
      price: 20,
    });
    expect(await ledger.rows()).toEqual(before);
    expect((await start(owner, portrait, 3)).__typename).toBe('Generation');
  });

  it.each([
    'of the server',
    'of the owner',
  ])('over the daily budget (%s) is refused until the next day', async (whose) => {
    const { owner, portrait } = await ledger.addOwner(100);
    if (whose === 'of the owner') {
      await ledger.prisma.user.update({ where: { id: owner.id }, data: { dailyBudgetTenths: 300 } });
      ledger.app.metering.dailyBudgetTenths = 10;
    } else ledger.app.metering.dailyBudgetTenths = 300;
    const { id } = await start(owner, portrait);
    const refused = { __typename: 'LimitReachedError', limit: 30, retryAfterSeconds: 12 * 60 * 60 };
    expect(await start(owner, portrait)).toMatchObject(refused);
    expect(await ledger.account(owner)).toMatchObject({ dailyBudget: 30, spentToday: 20 });
    await ledger.end(id, 'oo!!');
    // Ten credits of it were released.
    expect((await start(owner, portrait)).__typename).toBe('Generation');
    expect(await start(owner, portrait, 1)).toMatchObject(refused);
    ledger.app.now = () => new Date(ledger.noon.getTime() + 12 * 60 * 60_000);
    expect(await ledger.account(owner)).toMatchObject({ spentToday: 0 });
    expect((await start(owner, portrait, 1)).__typename).toBe('Generation');
  });
});

describe('without metering', () => {
  it('a job records its cost and counts towards the daily budget, and moves no credits', async () => {
    ledger.app.metering.isOn = false;
    const { owner, portrait } = await ledger.addOwner(0);
    const { id, cost } = await start(owner, portrait);
    expect(cost).toEqual({ price: 20, paid: null, isMetered: false });
    // Also when metering is turned on before the job ends.
    ledger.app.metering.isOn = true;
    await ledger.end(id, 'ooo!');
    expect((await costOf(id, owner)).cost).toEqual({ price: 20, paid: 15, isMetered: false });
    expect(await ledger.account(owner)).toMatchObject({ balance: 0, reserved: 0, spentToday: 15 });
    expect(await entriesOf(owner)).toEqual([]);
  });
});
