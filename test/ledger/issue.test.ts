/** grantCredits and correctCredits through the API, and who is allowed to call them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { globalId } from '../support/global-id.ts';
import { openLedger } from './open-ledger.ts';

let ledger: Awaited<ReturnType<typeof openLedger>>;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger.close());

const document = (name: string) => `mutation($input: CreditsInput!) { ${name}(input: $input) { __typename
  ... on User { id balance } ... on Error { message } ... on InvalidInputError { issues { path message } } } }`;
type Answer = { answer: Record<string, unknown> };
const move = async (name: 'grantCredits' | 'correctCredits', userId: string, credits: number, more: object = {}) => {
  const input = { userId, credits, reason: 'test', ...more };
  const data = await ledger.ask<Record<string, Answer['answer']>>(document(name), { input });
  return data[name];
};
const issue = (path: string) => ({ __typename: 'InvalidInputError', issues: [{ path }] });

describe('grantCredits and correctCredits', () => {
  it('move tenths of a credit; only a correction can be negative', async () => {
    const { userId } = await ledger.addOwner(0);
    expect(await move('grantCredits', userId, 12.3)).toEqual({ __typename: 'User', id: userId, balance: 12.3 });
    expect(await move('correctCredits', userId, -2.3)).toMatchObject({ balance: 10 });
    expect(await move('correctCredits', userId, 0.1)).toMatchObject({ balance: 10.1 });
    expect(await move('grantCredits', userId, -1)).toMatchObject(issue('credits'));
  });

  it('never make the balance negative and never take reserved credits', async () => {
    const { owner, userId, portrait } = await ledger.addOwner(20);
    const start =
      'mutation($id: ID!) { startGeneration(input: { avatarId: $id, prompt: "x", numImages: 3 }) { __typename } }';
    await ledger.ask(start, { id: portrait }, owner);
    expect(await move('correctCredits', userId, -5.1)).toMatchObject({
      ...issue('credits'),
      message: 'credits: The balance is 5 and must stay from 0 to 10000000.',
    });
    expect(await move('correctCredits', userId, -5)).toMatchObject({ balance: 0 });
  });

  it.each([0, 0.05, 1.23, 10_000_001, 1e300])('reject %d credits', async (credits) => {
    const { userId } = await ledger.addOwner(0);
    expect(await move('correctCredits', userId, credits)).toMatchObject({ __typename: 'InvalidInputError' });
    expect(await move('grantCredits', userId, credits)).toMatchObject({ __typename: 'InvalidInputError' });
  });

  it('reject a balance over ten million, an empty reason, and an unknown user', async () => {
    const { userId } = await ledger.addOwner(0);
    expect(await move('grantCredits', userId, 10_000_000)).toMatchObject({ balance: 10_000_000 });
    expect(await move('grantCredits', userId, 0.1)).toMatchObject(issue('credits'));
    expect(await move('grantCredits', userId, 1, { reason: '  ' })).toMatchObject(issue('reason'));
    const unknownUser = globalId('User', '00000000-0000-4000-8000-00000000dead');
    expect(await move('grantCredits', unknownUser, 1)).toMatchObject({ __typename: 'NotFoundError' });
    expect(await move('grantCredits', 'nonsense', 1)).toMatchObject({ __typename: 'NotFoundError' });
  });

  it('with an idempotency key run once, also when concurrent, and reject the key for another request', async () => {
    const { userId } = await ledger.addOwner(0);
    const { userId: other } = await ledger.addOwner(0);
    const key = { idempotencyKey: 'once' };
    const answers = await Promise.all([1, 2, 3].map(() => move('grantCredits', userId, 7, key)));
    expect(answers.map((answer) => answer?.['balance'])).toEqual([7, 7, 7]);
    for (const again of [
      move('grantCredits', userId, 8, key),
      move('correctCredits', userId, 7, key),
      move('grantCredits', userId, 7, { ...key, reason: 'other' }),
    ]) {
      expect(await again).toMatchObject(issue('idempotencyKey'));
    }
    // Later spending does not matter, and the same key of another user is independent.
    await move('correctCredits', userId, -7);
    expect(await move('grantCredits', userId, 7, key)).toMatchObject({ balance: 0 });
    expect(await move('grantCredits', other, 7, key)).toMatchObject({ balance: 7 });
  });

  it.each([
    'grantCredits',
    'correctCredits',
  ])('%s requires the admin scope, also for the caller’s own account', async (name) => {
    const { owner, userId } = await ledger.addOwner(5);
    const input = { userId, credits: 1, reason: 'mine' };
    const { data, errors } = await ledger.run(document(name), { input }, owner);
    expect(data?.[name] ?? null).toBeNull();
    expect(errors?.[0]?.extensions['code'] ?? errors?.[0]?.message).toMatch(/FORBIDDEN|not authorized/i);
    expect(await ledger.account(owner)).toMatchObject({ balance: 5 });
  });

  it('the owner and an admin can read a balance and its entries, another user cannot', async () => {
    const { owner, userId } = await ledger.addOwner(5);
    const { owner: stranger } = await ledger.addOwner(1);
    const [entry] = await ledger.prisma.ledgerEntry.findMany({ where: { ownerId: owner.id } });
    const ids = { user: userId, entry: globalId('LedgerEntry', entry?.id ?? '') };
    const nodes = `query($user: ID!, $entry: ID!) { user: node(id: $user) { ... on User { balance } } entry: node(id: $entry) { id } }`;
    expect(await ledger.ask(nodes, ids, owner)).toMatchObject({ user: { balance: 5 }, entry: { id: ids.entry } });
    expect(await ledger.ask(nodes, ids, stranger)).toEqual({ user: null, entry: null });
    expect(await ledger.ask(nodes, ids)).toMatchObject({ user: { balance: 5 } });
  });
});
