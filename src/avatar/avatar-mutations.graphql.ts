/** GraphQL: what can be done to an avatar. */
import { encodeGlobalID } from '@pothos/plugin-relay';
import { builder } from '../graphql/builder.ts';
import { InvalidInputError, LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { avatarTypeName, PortraitAvatar, StyleAvatar } from './avatar.graphql.ts';
import { createAvatar, importAvatar, renameAvatar } from './commands.ts';
import { setDefaultAvatar } from './default.ts';
import { deleteAvatar } from './delete.ts';
import { type AvatarKey, avatarKey } from './key.ts';

const nameHelp = '2 to 50 characters after trimming, none of `<>:"/\\|?*`.';
const triggerHelp = '1 to 100 characters on one line.';
const defaultTriggerHelp = 'Default: `TOK_` and the first 8 hex digits of the avatar’s uuid.';

const typeOfMade = (made: object) => ('kind' in made ? avatarTypeName(made as Required<AvatarKey>) : undefined);

const CreatePortraitInput = builder.inputType('CreatePortraitInput', {
  description: 'A new person.',
  fields: (t) => ({
    name: t.string({ required: true, description: nameHelp }),
    triggerPhrase: t.string({
      description: `What stands for the person in prompts, ${triggerHelp} ${defaultTriggerHelp}`,
    }),
  }),
});

const CreateStyleInput = builder.inputType('CreateStyleInput', {
  description: 'A new artistic style.',
  fields: (t) => ({
    name: t.string({ required: true, description: nameHelp }),
    triggerWord: t.string({
      description: `What stands for the style in prompts, ${triggerHelp} ${defaultTriggerHelp}`,
    }),
  }),
});

const CreateAvatarInput = builder.inputType('CreateAvatarInput', {
  description: 'What to create: one of the two.',
  isOneOf: true,
  fields: (t) => ({
    portrait: t.field({ type: CreatePortraitInput, description: 'A person.' }),
    style: t.field({ type: CreateStyleInput, description: 'An artistic style.' }),
  }),
});

builder.mutationField('createAvatar', (t) =>
  t.errorUnionField({
    types: [PortraitAvatar, StyleAvatar, InvalidInputError, LimitReachedError],
    description: 'Makes an avatar that has no model yet. The first one becomes the default.',
    union: { description: 'The new avatar, or why there is none.', resolveType: typeOfMade },
    args: { input: t.arg({ type: CreateAvatarInput, required: true, description: 'What to create.' }) },
    resolve: (_root, { input }, { app, viewer }) => createAvatar(app, viewer, input),
  }),
);

const ImportPortraitInput = builder.inputType('ImportPortraitInput', {
  description: 'A person that was trained elsewhere.',
  fields: (t) => ({
    name: t.string({ required: true, description: nameHelp }),
    diffusersLoraFileUrl: t.field({
      type: 'URL',
      required: true,
      description: 'The LoRA weights, as fal-ai/flux-lora is to read them: https, without a user name or password.',
    }),
    triggerPhrase: t.string({
      required: true,
      description: `The phrase that the weights were trained on, ${triggerHelp}`,
    }),
  }),
});

const ImportStyleInput = builder.inputType('ImportStyleInput', {
  description: 'An artistic style that was trained elsewhere.',
  fields: (t) => ({
    name: t.string({ required: true, description: nameHelp }),
    finetuneId: t.string({
      required: true,
      description: 'What fal knows the finetune by; opaque text, 1 to 200 characters.',
    }),
    triggerWord: t.string({
      required: true,
      description: `The word that the finetune was trained on, ${triggerHelp}`,
    }),
  }),
});

const ImportAvatarInput = builder.inputType('ImportAvatarInput', {
  description: 'What to import: one of the two.',
  isOneOf: true,
  fields: (t) => ({
    portrait: t.field({ type: ImportPortraitInput, description: 'A person, by the URL of its LoRA weights.' }),
    style: t.field({ type: ImportStyleInput, description: 'An artistic style, by its finetune id.' }),
  }),
});

builder.mutationField('importAvatar', (t) =>
  t.errorUnionField({
    types: [PortraitAvatar, StyleAvatar, InvalidInputError, LimitReachedError],
    description: 'Makes an avatar of a model that was trained elsewhere. It is READY at once.',
    union: { description: 'The new avatar, or why there is none.', resolveType: typeOfMade },
    args: { input: t.arg({ type: ImportAvatarInput, required: true, description: 'What to import.' }) },
    resolve: (_root, { input }, { app, viewer }) => importAvatar(app, viewer, input),
  }),
);

const RenameAvatarInput = builder.inputType('RenameAvatarInput', {
  description: 'A new name for an avatar.',
  fields: (t) => ({
    avatarId: t.id({ required: true, description: 'The avatar.' }),
    name: t.string({ required: true, description: nameHelp }),
  }),
});

builder.mutationField('renameAvatar', (t) =>
  t.errorUnionField({
    types: [PortraitAvatar, StyleAvatar, InvalidInputError, NotFoundError],
    description: 'Gives an avatar another name. Its trigger stays.',
    union: { description: 'The avatar, or why it kept its name.', resolveType: typeOfMade },
    args: { input: t.arg({ type: RenameAvatarInput, required: true, description: 'Which avatar, and its name.' }) },
    resolve: (_root, { input }, { app, viewer }) =>
      renameAvatar(app, viewer, { avatar: avatarKey(input.avatarId), name: input.name }),
  }),
);

builder.mutationField('setDefaultAvatar', (t) =>
  t.errorUnionField({
    types: [PortraitAvatar, StyleAvatar, NotFoundError],
    description: 'Makes this avatar the default, and no other.',
    union: { description: 'The avatar, or that there is none.', resolveType: typeOfMade },
    args: { avatarId: t.arg.id({ required: true, description: 'The avatar.' }) },
    resolve: (_root, { avatarId }, { app, viewer }) => setDefaultAvatar(app, viewer, avatarKey(avatarId)),
  }),
);

const DeleteAvatarPayload = builder.simpleObject('DeleteAvatarPayload', {
  description: 'An avatar is gone.',
  fields: (t) => ({
    deletedId: t.id({ description: 'The global id that it had.' }),
  }),
});

builder.mutationField('deleteAvatar', (t) =>
  t.errorUnionField({
    types: [DeleteAvatarPayload, NotFoundError],
    description:
      'Deletes an avatar with its photos, its jobs and their pictures. Unfinished jobs are cancelled at fal. The oldest other avatar becomes the default when this was it.',
    union: {
      description: 'What was deleted, or that there is no such avatar.',
      resolveType: () => 'DeleteAvatarPayload',
    },
    args: { avatarId: t.arg.id({ required: true, description: 'The avatar.' }) },
    resolve: async (_root, { avatarId }, { app, viewer }) => {
      const key = avatarKey(avatarId);
      await deleteAvatar(app, viewer, key);
      return { deletedId: encodeGlobalID(avatarTypeName(key), key.id) };
    },
  }),
);
