/** Owners' credits in a run: an admin grants them, and at the end everybody's are counted from outside. */
import { setTimeout as pause } from 'node:timers/promises';
import type { StartedJob } from './client.ts';
import type { Caller } from './owner.ts';

/** Credits by owner's name. */
export type Granted = Map<string, number>;

/** The admin, who gives an owner credits: once, however often it is sent. */
export function granter(admin: Caller, granted: Granted): (to: Caller, credits: number) => Promise<void> {
  const document = `mutation($input: CreditsInput!) { grantCredits(input: $input) { ... on User { id } ... on Error { message } } }`;
  let grants = 0;
  return async (to, credits) => {
    const { viewer } = await to.call<{ viewer: { id: string } }>('{ viewer { id } }');
    const idempotencyKey = `grant ${(grants += 1)}`;
    const input = { userId: viewer.id, credits, reason: 'chaos', idempotencyKey };
    const answer = await admin.call<{ grantCredits: { id?: string } }>(document, { input });
    if (answer.grantCredits.id === undefined) throw new Error(`No grant: ${JSON.stringify(answer)}`);
    granted.set(to.owner.name, whole([granted.get(to.owner.name) ?? 0, credits]));
  };
}

type Entry = { kind: string; account: string; credits: number; movementId: string; job: { id: string } | null };
type Page = { pageInfo: { hasNextPage: boolean; endCursor: string }; edges: { node: Entry }[] };
type Account = { balance: number; reserved: number };
type Told = {
  status: string;
  endpoint: string;
  cost: { price: number; paid: number | null; isMetered: boolean };
  images?: { hasNsfwConcepts: boolean }[];
};

const accountDocument = '{ viewer { balance reserved } }';
const ledgerDocument = `query($after: String) { viewer { ledger(first: 100, after: $after) { pageInfo { hasNextPage endCursor }
  edges { node { kind account credits movementId job { id } } } } } }`;
const jobDocument = `query($id: ID!) { node(id: $id) { ... on Job { status endpoint cost { price paid isMetered } } ... on Generation { images { hasNsfwConcepts } } } }`;

/** Also the jobs that nobody can look at any more, because their avatar was deleted, come to an end. */
export async function awaitRest(caller: Caller, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    const { viewer } = await caller.call<{ viewer: Account }>(accountDocument);
    if (viewer.reserved === 0) return;
    await pause(200);
  }
}

/** One owner's credits. `gone` are the jobs that went with their avatars. */
export async function moneyOf(caller: Caller, granted: number, jobs: StartedJob[], gone: StartedJob[]) {
  const wrong: string[] = [];
  const is = (what: string, found: unknown, expected: unknown) => {
    if (found !== expected) wrong.push(`${caller.owner.name}: ${what} is ${String(found)}, not ${String(expected)}`);
  };
  const entries = await ledgerOf(caller);
  const { viewer } = await caller.call<{ viewer: Account }>(accountDocument);
  const sum = (of: Entry[], account?: string) =>
    whole(of.filter((entry) => account === undefined || entry.account === account).map(({ credits }) => credits));
  const earned = sum(entries, 'EARNED');
  is('the sum of its ledger', sum(entries), 0);
  is('what was issued', sum(entries, 'ISSUED'), -granted);
  is('the balance', viewer.balance, whole([granted, -earned]));
  is('the balance of its ledger', sum(entries, 'AVAILABLE'), viewer.balance);
  is('what is reserved', viewer.reserved, 0);
  is('what its ledger reserves', sum(entries, 'RESERVED'), 0);
  for (const id of new Set(entries.map(({ movementId }) => movementId))) {
    const sides = entries.filter(({ movementId }) => movementId === id);
    is(`a movement's sides`, `${sides.length} of ${sum(sides)}`, '2 of 0');
  }
  for (const { id, tag, kind, numImages } of jobs) {
    const { node } = await caller.call<{ node: Told }>(jobDocument, { id });
    const own = entries.filter(({ job }) => job?.id === id);
    const unit = kind === 'TRAINING' ? 150 : node.endpoint.includes('ultra') ? 7.5 : 5;
    const price = unit * Math.max(numImages, 1);
    const paidImages = (node.images ?? []).filter(({ hasNsfwConcepts }) => !hasNsfwConcepts).length;
    const delivered = kind === 'TRAINING' ? 1 : paidImages;
    const paid = node.status === 'SUCCEEDED' ? unit * delivered : 0;
    is(`the cost of ${tag}`, JSON.stringify(node.cost), JSON.stringify({ price, paid, isMetered: true }));
    is(`what ${tag} paid`, sum(own, 'EARNED'), paid);
    // Without the money it would not have been started.
    is(`what ${tag} reserved`, sum(reservationsIn(own), 'RESERVED'), price);
  }
  const lost = entries.filter(({ kind, job }) => job === null && kind !== 'GRANT');
  is('how many deleted jobs were reserved for', reservationsIn(lost).length, 2 * gone.length);
  const mostOfGone = gone.reduce((all, { numImages }) => all + 5 * numImages, 0);
  if (sum(lost, 'EARNED') > mostOfGone) wrong.push(`${caller.owner.name}: deleted jobs paid more than their price`);
  return { wrong, granted, paid: earned };
}

/** A sum of credits, which are whole tenths. */
export const whole = (credits: number[]) => credits.reduce((all, one) => all + Math.round(10 * one), 0) / 10;

const reservationsIn = (entries: Entry[]) => entries.filter(({ kind }) => kind === 'RESERVATION');

async function ledgerOf({ call }: Caller): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after: string | undefined, more = true; more; ) {
    const { viewer } = await call<{ viewer: { ledger: Page } }>(ledgerDocument, { after });
    entries.push(...viewer.ledger.edges.map(({ node }) => node));
    after = viewer.ledger.pageInfo.endCursor;
    more = viewer.ledger.pageInfo.hasNextPage;
  }
  return entries;
}
