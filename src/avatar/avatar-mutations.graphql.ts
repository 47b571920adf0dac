/** GraphQL: the mutations of avatars. */
import { encodeGlobalID } from '@pothos/plugin-relay';
import { builder } from '../graphql/builder.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { avatarTypeName, PortraitAvatar, StyleAvatar } from './avatar.graphql.ts';
import { createAvatar, deleteAvatar, importAvatar, renameAvatar, setDefaultAvatar } from './commands.ts';
import { type AvatarKey, avatarKey } from './key.ts';

const nameHelp = 'The name: 2 to 50 characters without `<>:"/\\|?*`. Surrounding blanks are removed.';
const triggerHelp = '1 to 100 characters on one line.';
const defaultTriggerHelp = 'Default: `TOK_` and the first 8 hex digits of the avatar’s UUID.';

/** An avatar has a kind and an error has none; Pothos resolves the type of an error. */
const resolveAvatarType = (result: object) =>
  'kind' in result ? avatarTypeName(result as Required<AvatarKey>) : undefined;

const CreatePortraitInput = builder.inputType('CreatePortraitInput', {
  description: 'The portrait to create.',
  fields: (t) => ({
    name: t.string({ required: true, description: nameHelp }),
    triggerPhrase: t.string({
      description: `The phrase that stands for the person in prompts: ${triggerHelp} ${defaultTriggerHelp}`,
    }),
  }),
});

const CreateStyleInput = builder.inputType('CreateStyleInput', {
  description: 'The style to create.',
  fields: (t) => ({
    name: t.string({ required: true, description: nameHelp }),
    triggerWord: t.string({
      description: `The word that stands for the style in prompts: ${triggerHelp} ${defaultTriggerHelp}`,
    }),
  }),
});

const CreateAvatarInput = builder.inputType('CreateAvatarInput', {
  description: 'The avatar to create. Set exactly one field.',
  isOneOf: true,
  fields: (t) => ({
    portrait: t.field({ type: CreatePortraitInput, description: 'Creates a portrait of a person.' }),
    style: t.field({ type: CreateStyleInput, description: 'Creates an artistic style.' }),
  }),
});

builder.mutationField('createAvatar', (t) =>
  t.errorUnionField({
    types: [PortraitAvatar, StyleAvatar, InvalidInputError, LimitReachedError],
    description:
      'Creates an avatar without a model, with the status DRAFT. The caller’s first avatar becomes their default. Returns LimitReachedError if the server’s disk is nearly full.',
    union: { description: 'The new avatar, or the error.', resolveType: resolveAvatarType },
    args: { input: t.arg({ type: CreateAvatarInput, required: true, description: 'The avatar to create.' }) },
    resolve: (_root, { input }, { app, viewer }) => createAvatar(app, viewer, input),
  }),
);

const ImportPortraitInput = builder.inputType('ImportPortraitInput', {
  description: 'The portrait to import.',
  fields: (t) => ({
    name: t.string({ required: true, description: nameHelp }),
    diffusersLoraFileUrl: t.field({
      type: 'URL',
      required: true,
      description:
        'The URL of the LoRA weights, a safetensors file, which fal loads. It must be public, use https and contain no user name or password.',
    }),
    triggerPhrase: t.string({
      required: true,
      description: `The phrase that the weights were trained with: ${triggerHelp}`,
    }),
  }),
});

const ImportStyleInput = builder.inputType('ImportStyleInput', {
  description: 'The style to import.',
  fields: (t) => ({
    name: t.string({ required: true, description: nameHelp }),
    finetuneId: t.string({
      required: true,
      description: 'fal’s id of the finetune: an opaque string of 1 to 200 characters.',
    }),
    triggerWord: t.string({
      required: true,
      description: `The word that the finetune was trained with: ${triggerHelp}`,
    }),
  }),
});

const ImportAvatarInput = builder.inputType('ImportAvatarInput', {
  description: 'The avatar to import. Set exactly one field.',
  isOneOf: true,
  fields: (t) => ({
    portrait: t.field({ type: ImportPortraitInput, description: 'Imports a portrait by the URL of its LoRA weights.' }),
    style: t.field({ type: ImportStyleInput, description: 'Imports a style by its finetune id.' }),
  }),
});

builder.mutationField('importAvatar', (t) =>
  t.errorUnionField({
    types: [PortraitAvatar, StyleAvatar, InvalidInputError, LimitReachedError],
    description:
      'Creates an avatar with a model that was trained elsewhere, with the status READY. The caller’s first avatar becomes their default. Returns LimitReachedError if the server’s disk is nearly full.',
    union: { description: 'The new avatar, or the error.', resolveType: resolveAvatarType },
    args: { input: t.arg({ type: ImportAvatarInput, required: true, description: 'The avatar to import.' }) },
    resolve: (_root, { input }, { app, viewer }) => importAvatar(app, viewer, input),
  }),
);

const RenameAvatarInput = builder.inputType('RenameAvatarInput', {
  description: 'The avatar to rename.',
  fields: (t) => ({
    avatarId: t.id({ required: true, description: 'The id of the avatar.' }),
    name: t.string({ required: true, description: nameHelp }),
  }),
});

builder.mutationField('renameAvatar', (t) =>
  t.errorUnionField({
    types: [PortraitAvatar, StyleAvatar, InvalidInputError, NotFoundError],
    description: 'Renames an avatar. Its trigger does not change.',
    union: { description: 'The renamed avatar, or the error.', resolveType: resolveAvatarType },
    args: { input: t.arg({ type: RenameAvatarInput, required: true, description: 'The avatar and its new name.' }) },
    resolve: (_root, { input: { avatarId, name } }, { app, viewer }) =>
      renameAvatar(app, viewer, { avatar: avatarKey(avatarId), name }),
  }),
);

builder.mutationField('setDefaultAvatar', (t) =>
  t.errorUnionField({
    types: [PortraitAvatar, StyleAvatar, NotFoundError],
    description: 'Makes an avatar the caller’s default. The previous default loses that role.',
    union: { description: 'The new default avatar, or the error.', resolveType: resolveAvatarType },
    args: { avatarId: t.arg.id({ required: true, description: 'The id of the avatar.' }) },
    resolve: (_root, { avatarId }, { app, viewer }) => setDefaultAvatar(app, viewer, avatarKey(avatarId)),
  }),
);

const DeleteAvatarPayload = builder.simpleObject('DeleteAvatarPayload', {
  description: 'The result of deleting an avatar.',
  fields: (t) => ({
    deletedId: t.id({ description: 'The global id of the deleted avatar.' }),
  }),
});

builder.mutationField('deleteAvatar', (t) =>
  t.errorUnionField({
    types: [DeleteAvatarPayload, NotFoundError],
    description:
      'Deletes an avatar with its photos, jobs and pictures. Cancels its unfinished jobs at fal. If it was the default, the caller’s oldest remaining avatar becomes the default.',
    union: {
      description: 'The id of the deleted avatar, or the error.',
      resolveType: () => 'DeleteAvatarPayload',
    },
    args: { avatarId: t.arg.id({ required: true, description: 'The id of the avatar.' }) },
    resolve: async (_root, { avatarId }, { app, viewer }) => {
      const key = avatarKey(avatarId);
      await deleteAvatar(app, viewer, key);
      return { deletedId: encodeGlobalID(avatarTypeName(key), key.id) };
    },
  }),
);
