/** GraphQL: users, and the mutations by which admins create and limit them. */

import { isStorable } from '../database/storable-text.ts';
import { builder } from '../graphql/builder.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { createUser, setUserLimits } from './commands.ts';
import { userIdOf } from './key.ts';

export const User = builder.prismaNode('User', {
  description: 'The owner of avatars and of everything made with them. Visible to the user and to admins.',
  nullable: true,
  id: { field: 'id', description: 'The global id.' },
  // Users see themselves only; admins see every user.
  findUnique: (id, { viewer, scopes }) => ({ id, ...(!scopes.has('ADMIN') && { AND: { id: viewer.id } }) }),
  fields: (t) => ({
    externalId: t.exposeString('externalId', { nullable: true }),
    weight: t.exposeInt('weight'),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the user was created.' }),
  }),
});

builder.queryField('viewer', (t) =>
  t.prismaField({
    type: User,
    description: 'The user that the request’s API key or token authenticates, or the end user that it acts for.',
    resolve: (query, _root, _args, { app, viewer }) =>
      app.prisma.user.findUniqueOrThrow({ ...query, where: { id: viewer.id } }),
  }),
);

builder.queryField('users', (t) =>
  t.prismaConnection(
    {
      type: User,
      cursor: 'id',
      authScopes: { admin: true },
      description: 'All users, newest first.',
      args: {
        externalId: t.arg.string({ description: 'Returns only users with exactly this external id.' }),
      },
      resolve: (query, _root, { externalId }, { app }) =>
        app.prisma.user.findMany({
          ...query,
          // PostgreSQL rejects a text that it cannot store, so a search for one finds nothing without asking it.
          ...(externalId != null && { where: isStorable(externalId) ? { externalId } : { id: { in: [] } } }),
          orderBy: { id: 'desc' },
        }),
    },
    { name: 'UserConnection', description: 'A page of users.' },
    { name: 'UserEdge', description: 'A user on a page.' },
  ),
);

const CreateUserInput = builder.inputType('CreateUserInput', {
  description: 'The user to create.',
  fields: (t) => ({
    externalId: t.string({
      required: true,
      description: 'The id of the user in the caller’s own system: 1 to 255 visible ASCII characters.',
    }),
  }),
});

builder.mutationField('createUser', (t) =>
  t.errorUnionField({
    types: [User, InvalidInputError],
    authScopes: { admin: true },
    description:
      'Creates an end user of the caller. If the caller already has a user with this external id, returns that user. The first request with `X-Likeness-User` creates the user too, so this mutation is only needed to set limits or credits beforehand.',
    union: { description: 'The user, or the error.', resolveType: () => 'User' },
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'The user to create.' }) },
    resolve: async (_root, { input }, { app, viewer }) => await createUser(app, viewer, input),
  }),
);

const SetUserLimitsInput = builder.inputType('SetUserLimitsInput', {
  description: 'The limits to set. An omitted limit does not change.',
  fields: (t) => ({
    userId: t.id({ required: true, description: 'The id of the user.' }),
    weight: t.int({
      description:
        'The user’s share of fal’s capacity: how many of their waiting jobs are sent each round, before the next owner’s turn. 1 to 1000. New users have 1.',
    }),
    dailyBudget: t.float({
      description:
        'The most that the user may spend on jobs in one UTC day, in credits: 0 to 10,000,000 in steps of 0.1. Null for the server’s default, DAILY_CREDITS.',
    }),
  }),
});

builder.mutationField('setUserLimits', (t) =>
  t.errorUnionField({
    types: [User, InvalidInputError, NotFoundError],
    authScopes: { admin: true },
    description: 'Sets the limits of a user. They apply to jobs that start from now on.',
    union: { description: 'The user with the new limits, or the error.', resolveType: () => 'User' },
    args: { input: t.arg({ type: SetUserLimitsInput, required: true, description: 'The user and the limits.' }) },
    resolve: async (_root, { input: { userId, weight, ...input } }, { app }) =>
      await setUserLimits(app, userIdOf(userId), { ...input, ...(weight != null && { weight }) }),
  }),
);
