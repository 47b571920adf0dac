/** GraphQL: a user's credits and their ledger, and the mutations by which admins move credits. */
import type { LedgerEntry as EntryRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { Job } from '../job/job.graphql.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { userIdOf } from '../user/key.ts';
import { User } from '../user/user.graphql.ts';
import { spentToday } from './account.ts';
import { issueCredits } from './commands.ts';
import { toCredits } from './prices.ts';

const LedgerAccount = builder.enumType('LedgerAccount', {
  description: 'An account in the double-entry ledger.',
  values: {
    AVAILABLE: { description: 'The credits that the owner can spend. The sum of these entries is the balance.' },
    RESERVED: { description: 'The owner’s credits that are reserved for unfinished jobs.' },
    EARNED: { description: 'The credits that the server has earned with delivered jobs.' },
    ISSUED: { description: 'The source of all credits, which admins issue from.' },
  } as const,
});

const LedgerKind = builder.enumType('LedgerKind', {
  description: 'Why credits moved.',
  values: {
    GRANT: { description: 'An admin granted credits. From ISSUED to AVAILABLE.' },
    CORRECTION: { description: 'An admin corrected the balance, in either direction, between ISSUED and AVAILABLE.' },
    RESERVATION: { description: 'A job was started and its price reserved. From AVAILABLE to RESERVED.' },
    SETTLEMENT: { description: 'A job has ended and what it delivered is paid. From RESERVED to EARNED.' },
    RELEASE: {
      description: 'A job has ended and the price of what it did not deliver is returned. From RESERVED to AVAILABLE.',
    },
  } as const,
});

builder.prismaNode('LedgerEntry', {
  description:
    'One side of a movement of credits. Each movement has two entries that sum to zero. Entries never change. Visible to its owner and to admins.',
  nullable: true,
  id: { field: 'id', description: 'The global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.ledger(viewer), id }),
  fields: (t) => ({
    movementId: t.exposeString('movementId', { description: 'The id that both entries of a movement share.' }),
    kind: t.expose('kind', { type: LedgerKind, description: 'Why the credits moved.' }),
    account: t.expose('account', {
      type: LedgerAccount,
      description: 'The account that the credits moved into or out of.',
    }),
    credits: t.float({
      description: 'The amount in credits. Positive: into the account; negative: out of it.',
      select: { tenths: true },
      resolve: ({ tenths }: Pick<EntryRow, 'tenths'>) => toCredits(tenths),
    }),
    job: t.field({
      type: Job,
      nullable: true,
      description:
        'The job that the credits paid for. Null for an admin’s movement, for a job that was deleted with its avatar, and for another user’s job.',
      select: { jobId: true },
      // Admins can read any ledger, but only the jobs of their own.
      resolve: async ({ jobId }, _args, { app, viewer }) =>
        jobId === null ? null : await app.prisma.job.findFirst({ where: { ...owned.jobs(viewer), id: jobId } }),
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'The reason that the admin gave. Null for the movements of a job.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the credits moved.' }),
  }),
});

builder.prismaObjectFields(User, (t) => ({
  balance: t.float({
    description: 'The credits that the user can spend. Never below 0.',
    select: { balanceTenths: true },
    resolve: ({ balanceTenths }) => toCredits(balanceTenths),
  }),
  reserved: t.float({
    description: 'The credits that are reserved for unfinished jobs. `balance` does not include them.',
    select: { reservedTenths: true },
    resolve: ({ reservedTenths }) => toCredits(reservedTenths),
  }),
  spentToday: t.float({
    description:
      'What the jobs started in the current UTC day cost, in credits: the full price of unfinished jobs and the amount paid for ended ones. Counted even if the server sells no credits.',
    select: { spentOn: true, spentTenths: true },
    resolve: (user, _args, { app }) => toCredits(spentToday(user, app.now())),
  }),
  dailyBudget: t.float({
    nullable: true,
    description:
      'The most that `spentToday` may reach, in credits. Null for no limit. Default: the server’s setting DAILY_CREDITS.',
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
      description: 'All movements of the user’s credits, newest first. Each movement has two entries.',
      query: { orderBy: { id: 'desc' } },
    },
    { name: 'LedgerConnection', description: 'A page of ledger entries.' },
    { name: 'LedgerEdge', description: 'A ledger entry on a page.' },
  ),
}));

const CreditsInput = builder.inputType('CreditsInput', {
  description: 'The credits to move.',
  fields: (t) => ({
    userId: t.id({ required: true, description: 'The id of the user.' }),
    credits: t.float({
      required: true,
      description:
        'The amount in credits, in steps of 0.1. grantCredits takes amounts above 0 up to 10,000,000; correctCredits also takes negative ones. The balance must stay from 0 to 10,000,000.',
    }),
    reason: t.string({ required: true, description: 'The reason, which the ledger records: 1 to 500 characters.' }),
    idempotencyKey: t.string({
      description:
        'A key of the caller’s choice, 1 to 200 characters. Sending the same key and input again for the same user moves nothing. Sending the key with another input is an InvalidInputError.',
    }),
  }),
});

const movements = {
  grantCredits: ['GRANT', 'Grants credits to a user.'],
  correctCredits: ['CORRECTION', 'Corrects the balance of a user, in either direction.'],
} as const;

for (const name of ['grantCredits', 'correctCredits'] as const) {
  const [kind, description] = movements[name];
  builder.mutationField(name, (t) =>
    t.errorUnionField({
      types: [User, InvalidInputError, NotFoundError],
      authScopes: { admin: true },
      description,
      union: { description: 'The user with the new balance, or the error.', resolveType: () => 'User' },
      args: { input: t.arg({ type: CreditsInput, required: true, description: 'The user and the credits.' }) },
      resolve: async (_root, { input: { userId, ...input } }, { app }) =>
        await issueCredits(app, userIdOf(userId), kind, input),
    }),
  );
}
