/** GraphQL: the interface Error and the errors that several nouns share. An error of one noun is built in that noun's folder. */
import { type InputIssue, InvalidInputError } from '../refusal/invalid-input.ts';
import { LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { builder } from './builder.ts';

export const ErrorInterface = builder.interfaceRef<Error>('Error').implement({
  description:
    'An error that the caller can act on. Read any of them with `... on Error { message }`. Every other failure is a GraphQL error in `errors`, and its message is masked.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'What is wrong and what to do about it, in English.' }),
  }),
});

const InputIssueType = builder.objectRef<InputIssue>('InputIssue').implement({
  description: 'An invalid value in the input.',
  fields: (t) => ({
    path: t.exposeString('path', {
      description: 'The path of the value in the input, such as `settings.fluxLora.guidanceScale`.',
    }),
    message: t.exposeString('message', { description: 'What is wrong with the value, with the accepted range.' }),
  }),
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: 'The input is invalid. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    issues: t.field({
      type: [InputIssueType],
      description: 'Every invalid value.',
      resolve: (error) => error.issues,
    }),
  }),
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description:
    'The object does not exist, or it belongs to another user. The two cases have the same answer on purpose.',
  interfaces: [ErrorInterface],
});

builder.objectType(LimitReachedError, {
  name: 'LimitReachedError',
  description: 'The request would exceed a limit of this server. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'The limit. `message` says what it counts.' }),
    retryAfterSeconds: t.exposeInt('retryAfterSeconds', {
      nullable: true,
      description: 'How many seconds to wait before a retry. Null if waiting does not help.',
    }),
  }),
});
