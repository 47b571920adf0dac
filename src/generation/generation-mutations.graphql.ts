/** GraphQL: the mutation startGeneration, its input and its errors. */

import { AvatarStatus } from '../avatar/avatar.graphql.ts';
import { AvatarFinding } from '../avatar/avatar-finding.graphql.ts';
import { avatarKey } from '../avatar/key.ts';
import { drawingFields, outputFormats } from '../fal/model.ts';
import { range } from '../fal/range.ts';
import { builder } from '../graphql/builder.ts';
import { ErrorInterface } from '../graphql/error-types.ts';
import { enumOf } from '../graphql/settings-types.ts';
import { EndpointRetiredError } from '../job/capacity/retired-endpoints.ts';
import { IdempotencyConflictError } from '../job/commands/start-job.ts';
import { Generation } from '../job/job.graphql.ts';
import { registerStartRefusals } from '../job/retry-error-registry.ts';
import { InsufficientCreditsError } from '../ledger/account.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { startGeneration } from './commands.ts';
import { GenerationPreset } from './preset.graphql.ts';
import { AvatarNotReadyError, AvatarRuleError, maxPromptLength, maxSeed } from './rules.ts';
import { GenerationSettingsInput } from './settings.graphql.ts';

builder.objectType(AvatarNotReadyError, {
  name: 'AvatarNotReadyError',
  description: 'The avatar has no trained model yet. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    avatarStatus: t.expose('avatarStatus', {
      type: AvatarStatus,
      description: 'The status of the avatar: DRAFT, TRAINING or FAILED.',
    }),
  }),
});

builder.objectType(AvatarRuleError, {
  name: 'AvatarRuleError',
  description: 'The avatar breaks an integrity rule, so it cannot generate pictures. Nothing was started.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    findings: t.expose('findings', { type: [AvatarFinding], description: 'Every rule that the avatar breaks.' }),
  }),
});

const { numImages, seed, outputFormat } = drawingFields;

export const StartGenerationInput = builder.inputType('StartGenerationInput', {
  description: 'The pictures to draw.',
  fields: (t) => ({
    avatarId: t.id({ required: true, description: 'The id of the avatar to draw. It must be READY.' }),
    prompt: t.string({
      required: true,
      description: `The description of the picture. The server puts the avatar’s trigger before it unless the prompt contains the trigger. 1 to ${maxPromptLength} characters, trigger included.`,
    }),
    preset: t.field({
      type: GenerationPreset,
      description:
        'A named set of settings. Default: BALANCED for a portrait, ULTRA for a style. A style whose `settings` name another model gets that model’s default preset.',
    }),
    numImages: t.int({
      defaultValue: 1,
      description: `${numImages.description} ${range(numImages.schema, [])}. ULTRA takes only 1.`,
    }),
    seed: t.int({
      description: `${seed.description} 0 to ${maxSeed}.`,
    }),
    outputFormat: t.field({
      type: enumOf(outputFormats),
      defaultValue: 'jpeg',
      description: `${outputFormat.description} ULTRA takes only JPEG.`,
    }),
    settings: t.field({
      type: GenerationSettingsInput,
      description: 'Settings of one model. Each replaces the value of the preset.',
    }),
    idempotencyKey: t.string({
      description:
        'A key of the caller’s choice, 1 to 200 characters. Sending the same key and input again returns the same job. Sending the key with another input is an IdempotencyConflictError.',
    }),
  }),
});

/** The errors of startGeneration and planGeneration. */
export const startGenerationErrors = [
  InvalidInputError,
  NotFoundError,
  AvatarNotReadyError,
  AvatarRuleError,
  IdempotencyConflictError,
  EndpointRetiredError,
  InsufficientCreditsError,
  LimitReachedError,
] as const;
registerStartRefusals(startGenerationErrors);

builder.mutationField('startGeneration', (t) =>
  t.errorUnionField({
    types: [Generation, ...startGenerationErrors],
    description: 'Starts to draw an avatar and returns the job at once. Follow it with `jobEvents`.',
    union: { description: 'The new generation, or the error.', resolveType: () => 'Generation' },
    args: { input: t.arg({ type: StartGenerationInput, required: true, description: 'The pictures to draw.' }) },
    resolve: (_root, { input: { avatarId, ...input } }, { app, viewer }) =>
      startGeneration(app, viewer, { ...input, avatar: avatarKey(avatarId) }),
  }),
);
