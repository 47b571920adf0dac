/** GraphQL: how a generation is started, and why not. */

import { AvatarStatus } from '../avatar/avatar.graphql.ts';
import { AvatarFinding } from '../avatar/avatar-finding.graphql.ts';
import { avatarKey } from '../avatar/key.ts';
import { outputFormats } from '../fal/model.ts';
import { builder } from '../graphql/builder.ts';
import { ErrorInterface } from '../graphql/error-types.ts';
import { enumOf } from '../graphql/settings-types.ts';
import { EndpointRetiredError } from '../job/capacity/retired-endpoints.ts';
import { IdempotencyConflictError } from '../job/commands/start-job.ts';
import { Generation } from '../job/job.graphql.ts';
import { registerStartRefusals } from '../job/start-refusals.ts';
import { InsufficientCreditsError } from '../ledger/account.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { startGeneration } from './commands.ts';
import { GenerationPreset } from './preset.graphql.ts';
import { AvatarNotReadyError, AvatarRuleError } from './rules.ts';
import { GenerationSettingsInput } from './settings.graphql.ts';

builder.objectType(AvatarNotReadyError, {
  name: 'AvatarNotReadyError',
  description: 'The avatar has no model to draw with yet. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    avatarStatus: t.expose('avatarStatus', { type: AvatarStatus, description: 'How far the avatar has come.' }),
  }),
});

builder.objectType(AvatarRuleError, {
  name: 'AvatarRuleError',
  description: 'The avatar breaks the strict rules, so nothing is drawn of it. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    findings: t.expose('findings', { type: [AvatarFinding], description: 'Every rule that it breaks.' }),
  }),
});

export const StartGenerationInput = builder.inputType('StartGenerationInput', {
  description: 'What to draw.',
  fields: (t) => ({
    avatarId: t.id({ required: true, description: 'Whom or what to draw. It must be READY.' }),
    prompt: t.string({
      required: true,
      description:
        'What to draw, in words: 1 to 1000 characters with the avatar’s trigger, which is put before it unless it is in it.',
    }),
    preset: t.field({
      type: GenerationPreset,
      description:
        'Numbers that go together. With none, a portrait is drawn as BALANCED has it, and a style by the ultra model as ULTRA has it.',
    }),
    numImages: t.int({ defaultValue: 1, description: 'How many pictures, 1 to 4. ULTRA draws one.' }),
    seed: t.int({
      description:
        'The same seed, prompt and settings draw the same picture. Chance decides when there is none. Not negative.',
    }),
    outputFormat: t.field({
      type: enumOf(outputFormats),
      defaultValue: 'jpeg',
      description: 'The file format that fal draws. ULTRA draws JPEG.',
    }),
    settings: t.field({
      type: GenerationSettingsInput,
      description: 'Settings of the model that draws, each in the place of the preset’s.',
    }),
    idempotencyKey: t.string({
      description:
        '1 to 200 characters of the caller’s choice. The same key and input give the same job, however often they are sent.',
    }),
  }),
});

/** The refusals of startGeneration and planGeneration. */
export const whyNoGeneration = [
  InvalidInputError,
  NotFoundError,
  AvatarNotReadyError,
  AvatarRuleError,
  IdempotencyConflictError,
  EndpointRetiredError,
  InsufficientCreditsError,
  LimitReachedError,
] as const;
registerStartRefusals(whyNoGeneration);

builder.mutationField('startGeneration', (t) =>
  t.errorUnionField({
    types: [Generation, ...whyNoGeneration],
    description: 'Starts to draw an avatar, and returns at once: follow the generation by `jobEvents`.',
    union: { description: 'The new generation, or why there is none.', resolveType: () => 'Generation' },
    args: { input: t.arg({ type: StartGenerationInput, required: true, description: 'What to draw.' }) },
    resolve: (_root, { input: { avatarId, ...input } }, { app, viewer }) =>
      startGeneration(app, viewer, { ...input, avatar: avatarKey(avatarId) }),
  }),
);
