/** GraphQL: the refusals that every feature shares. One of a feature's own stands with the feature. */

import { type InputIssue, InvalidInputError, LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { builder } from './builder.ts';

/** What `... on Error { message }` reads. */
export const ErrorInterface = builder.interfaceRef<Error>('Error').implement({
  description: 'A refusal that the caller can act on. Anything unforeseen is a masked GraphQL error instead.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'What is wrong and what to do, in a sentence for people.' }),
  }),
});

const InputIssueType = builder.objectRef<InputIssue>('InputIssue').implement({
  description: 'One value of the input that cannot be taken.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Where in the input, as `settings.fluxLora.guidanceScale`.' }),
    message: t.exposeString('message', { description: 'What is wrong with it, with the range it must lie in.' }),
  }),
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: 'The input cannot be taken as it is. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    issues: t.field({
      type: [InputIssueType],
      description: 'Every value that is wrong.',
      resolve: (error) => error.issues,
    }),
  }),
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'There is no such thing, or it belongs to somebody else: the two look the same.',
  interfaces: [ErrorInterface],
});

builder.objectType(LimitReachedError, {
  name: 'LimitReachedError',
  description: 'A limit of this server is reached. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'The limit.' }),
    retryAfterSeconds: t.exposeInt('retryAfterSeconds', {
      nullable: true,
      description: 'After how many seconds to try again; null when waiting does not help.',
    }),
  }),
});
