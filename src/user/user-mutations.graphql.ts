/** GraphQL: users and their limits, for admins. */

import { builder } from '../graphql/builder.ts';
import { InvalidInputError, NotFoundError } from '../refusal/refusal.ts';
import { createUser, setUserLimits } from './commands.ts';
import { userIdOf } from './key.ts';
import { User } from './user.graphql.ts';

const CreateUserInput = builder.inputType('CreateUserInput', {
  description: 'A user to make.',
  fields: (t) => ({
    externalId: t.string({
      required: true,
      description: 'The caller’s own id of them: 1 to 255 visible ASCII characters.',
    }),
  }),
});

builder.mutationField('createUser', (t) =>
  t.errorUnionField({
    types: [User, InvalidInputError],
    authScopes: { admin: true },
    description:
      'Makes an end user of the caller’s, as the first use of `X-Likeness-User` does. Who is there already is answered as they are.',
    union: { description: 'The user, or why there is none.', resolveType: () => 'User' },
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'The user to make.' }) },
    resolve: async (_root, { input }, { app, viewer }) => await createUser(app, viewer, input),
  }),
);

const SetUserLimitsInput = builder.inputType('SetUserLimitsInput', {
  description: 'Limits to set. What is not given stays as it is.',
  fields: (t) => ({
    userId: t.id({ required: true, description: 'Whose.' }),
    weight: t.int({ description: 'How many of their jobs go to fal in one round of owners: 1 to 1000. Default: 1.' }),
    dailyBudget: t.float({
      description:
        'The most that their jobs of a day (UTC) may cost, in credits: 0 to 10,000,000 in tenths; null for the server’s default.',
    }),
  }),
});

builder.mutationField('setUserLimits', (t) =>
  t.errorUnionField({
    types: [User, InvalidInputError, NotFoundError],
    authScopes: { admin: true },
    description: 'Sets what a user may take.',
    union: { description: 'The user, or why nothing was set.', resolveType: () => 'User' },
    args: { input: t.arg({ type: SetUserLimitsInput, required: true, description: 'The limits.' }) },
    resolve: async (_root, { input: { userId, weight, ...input } }, { app }) =>
      await setUserLimits(app, userIdOf(userId), { ...input, ...(weight != null && { weight }) }),
  }),
);
