/** GraphQL: giving credits, and putting them right. For admins. */

import { builder } from '../graphql/builder.ts';
import { InvalidInputError, NotFoundError } from '../refusal/refusal.ts';
import { userIdOf } from '../user/key.ts';
import { User } from '../user/user.graphql.ts';
import { issueCredits } from './commands.ts';

const CreditsInput = builder.inputType('CreditsInput', {
  description: 'Credits to move.',
  fields: (t) => ({
    userId: t.id({ required: true, description: 'Whose.' }),
    credits: t.float({ required: true, description: 'How many, in tenths; at most 10,000,000 at once, or in all.' }),
    reason: t.string({ required: true, description: 'Why, for the ledger: 1 to 500 characters.' }),
    idempotencyKey: t.string({
      description: '1 to 200 characters of the caller’s choice: the same key for the same user moves credits once.',
    }),
  }),
});

const movements = {
  grantCredits: ['GRANT', 'Gives a user credits.'],
  correctCredits: ['CORRECTION', 'Puts a user’s balance right, in either direction, and never below zero.'],
} as const;

for (const name of ['grantCredits', 'correctCredits'] as const) {
  const [kind, description] = movements[name];
  builder.mutationField(name, (t) =>
    t.errorUnionField({
      types: [User, InvalidInputError, NotFoundError],
      authScopes: { admin: true },
      description,
      union: { description: 'The user with the new balance, or why nothing moved.', resolveType: () => 'User' },
      args: { input: t.arg({ type: CreditsInput, required: true, description: 'The credits.' }) },
      resolve: async (_root, { input: { userId, ...input } }, { app }) =>
        await issueCredits(app, kind, userIdOf(userId), input),
    }),
  );
}
