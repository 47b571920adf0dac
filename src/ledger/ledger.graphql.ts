/** GraphQL: what things cost, and what an owner has. */
import type { LedgerEntry as EntryRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { ErrorInterface } from '../graphql/error-types.ts';
import { Job } from '../job/job.graphql.ts';
import { User } from '../user/user.graphql.ts';
import { InsufficientCreditsError, spentToday } from './account.ts';
import { estimatedUsd, toCredits } from './prices.ts';

builder.objectType(InsufficientCreditsError, {
  name: 'InsufficientCreditsError',
  description: 'The balance does not hold the price. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    balance: t.exposeFloat('balance', { description: 'The owner’s balance, in credits.' }),
    price: t.exposeFloat('price', { description: 'What it would have cost, in credits.' }),
  }),
});

/** Credits here, dollars at fal. */
export const Price = builder
  .objectRef<{ endpoint: Parameters<typeof estimatedUsd>[0]; units: number; priceTenths: number }>('Price')
  .implement({
    description: 'What a job costs when everything asked for is delivered.',
    fields: (t) => ({
      credits: t.float({
        description: 'In credits of this server: 150 for a training, 5 for an image, 7.5 for one of the ultra model.',
        resolve: ({ priceTenths }) => toCredits(priceTenths),
      }),
      estimatedUsd: t.float({
        description: 'What fal asks for the same, in US dollars; an estimate, by the `price` of the endpoint.',
        resolve: ({ endpoint, units }) => estimatedUsd(endpoint, units),
      }),
    }),
  });

const JobCost = builder
  .objectRef<{ priceTenths: number; paidTenths: number | null; isMetered: boolean }>('JobCost')
  .implement({
    description: 'What a job costs, in credits.',
    fields: (t) => ({
      price: t.float({
        description: 'When everything asked for is delivered.',
        resolve: ({ priceTenths }) => toCredits(priceTenths),
      }),
      paid: t.float({
        nullable: true,
        description:
          'By what was delivered: 3 of 4 images are 3 paid, a failed or cancelled job is 0. An image that fal’s safety checker flagged is not paid. Null until the job has ended.',
        resolve: ({ paidTenths }) => (paidTenths === null ? null : toCredits(paidTenths)),
      }),
      isMetered: t.exposeBoolean('isMetered', {
        description: 'Whether it is taken from the owner’s balance. If not, it is only written down.',
      }),
    }),
  });

builder.prismaInterfaceField(Job, 'cost', (t) =>
  t.field({
    type: JobCost,
    description: 'What the job costs.',
    select: { priceTenths: true, paidTenths: true, isMetered: true },
    resolve: (job) => job,
  }),
);

const LedgerAccount = builder.enumType('LedgerAccount', {
  description: 'Where credits are.',
  values: {
    AVAILABLE: { description: 'The owner’s, to spend: their sum is the balance.' },
    RESERVED: { description: 'The owner’s, held for a job that has not ended.' },
    EARNED: { description: 'The server’s, paid for what was delivered.' },
    ISSUED: { description: 'Outside: where granted credits come from.' },
  } as const,
});

const LedgerKind = builder.enumType('LedgerKind', {
  description: 'Why credits moved.',
  values: {
    GRANT: { description: 'An admin gave them.' },
    CORRECTION: { description: 'An admin put something right, in either direction.' },
    RESERVATION: { description: 'A job was started: its price is held.' },
    SETTLEMENT: { description: 'A job has ended: what was delivered is paid.' },
    RELEASE: { description: 'A job has ended: what was not delivered is free again.' },
  } as const,
});

builder.prismaNode('LedgerEntry', {
  description:
    'One side of a movement of credits. Every movement is two of them that sum to zero; neither ever changes. Read by its owner and by admins.',
  nullable: true,
  id: { field: 'id', description: 'Global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.ledger(viewer), id }),
  fields: (t) => ({
    movementId: t.exposeString('movementId', { description: 'What both sides of a movement share.' }),
    kind: t.expose('kind', { type: LedgerKind, description: 'Why.' }),
    account: t.expose('account', { type: LedgerAccount, description: 'Of which account.' }),
    credits: t.float({
      description: 'Above zero into the account, below zero out of it.',
      select: { tenths: true },
      resolve: ({ tenths }: Pick<EntryRow, 'tenths'>) => toCredits(tenths),
    }),
    job: t.field({
      type: Job,
      nullable: true,
      description: 'The job that it is about; null when there is none, or when it was deleted with its avatar.',
      select: { jobId: true },
      // Also an admin, who may read the ledger, is shown no job but their own.
      resolve: async ({ jobId }, _args, { app, viewer }) =>
        jobId === null ? null : await app.prisma.job.findFirst({ where: { ...owned.jobs(viewer), id: jobId } }),
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'What the admin said; null for the movements of a job.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the credits moved.' }),
  }),
});

builder.prismaObjectFields(User, (t) => ({
  balance: t.float({
    description: 'Credits to spend. Never below zero.',
    select: { balanceTenths: true },
    resolve: ({ balanceTenths }) => toCredits(balanceTenths),
  }),
  reserved: t.float({
    description: 'Credits held for jobs that have not ended. They are not in the balance.',
    select: { reservedTenths: true },
    resolve: ({ reservedTenths }) => toCredits(reservedTenths),
  }),
  spentToday: t.float({
    description:
      'What the jobs that were started today (UTC) cost, in credits: the price of those that run, and what was paid for the others. Also on a server that sells no credits.',
    select: { spentOn: true, spentTenths: true },
    resolve: (user, _args, { app }) => toCredits(spentToday(user, app.now())),
  }),
  dailyBudget: t.float({
    nullable: true,
    description: 'The most that `spentToday` may come to, in credits; null for any amount. Default: DAILY_CREDITS.',
    select: { dailyBudgetTenths: true },
    resolve: ({ dailyBudgetTenths }, _args, { app }) => {
      const tenths = dailyBudgetTenths ?? app.metering.dailyBudgetTenths;
      return tenths === null ? null : toCredits(tenths);
    },
  }),
  ledger: t.relatedConnection(
    'ledger',
    {
      cursor: 'id',
      description: 'Every movement of this owner’s credits, both sides of each, newest first.',
      query: { orderBy: { id: 'desc' } },
    },
    { name: 'LedgerConnection', description: 'A page of a ledger.' },
    { name: 'LedgerEdge', description: 'An entry in its ledger.' },
  ),
}));
