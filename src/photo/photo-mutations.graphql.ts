/** GraphQL: adding and removing photos. */

import { Avatar } from '../avatar/avatar.graphql.ts';
import { avatarKey } from '../avatar/key.ts';
import { builder } from '../graphql/builder.ts';
import { JobActiveError } from '../job/commands/start-job.ts';
import { LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { addPhotos, removePhoto } from './commands.ts';
import { Photo, PhotoProblem, PhotoWarning } from './photo.graphql.ts';
import type { PhotoVerdict as Verdict } from './store-photos.ts';

const PhotoVerdict = builder.objectRef<Verdict>('PhotoVerdict').implement({
  description: 'What became of one uploaded file.',
  fields: (t) => ({
    fileName: t.exposeString('fileName', { description: 'The name that the file was uploaded under.' }),
    photo: t.expose('photo', { type: Photo, nullable: true, description: 'The photo; null when it is not kept.' }),
    problems: t.expose('problems', { type: [PhotoProblem], description: 'Why it is not kept; none when it is.' }),
    warnings: t.expose('warnings', { type: [PhotoWarning], description: 'What the photo might be better without.' }),
    message: t.exposeString('message', { description: 'The verdict in a sentence for people.' }),
  }),
});

const AddPhotosPayload = builder.objectRef<{ avatarId: string; verdicts: Verdict[] }>('AddPhotosPayload').implement({
  description: 'What became of the files.',
  fields: (t) => ({
    avatar: t.prismaField({
      type: Avatar,
      description: 'The avatar, with what was kept.',
      resolve: (query, { avatarId }, _args, { app }) =>
        app.prisma.avatar.findUniqueOrThrow({ ...query, where: { id: avatarId } }),
    }),
    verdicts: t.expose('verdicts', { type: [PhotoVerdict], description: 'One for each file, in their order.' }),
  }),
});

const AddPhotosInput = builder.inputType('AddPhotosInput', {
  description: 'Files for an avatar.',
  fields: (t) => ({
    avatarId: t.id({ required: true, description: 'The avatar that is to be trained with them.' }),
    files: t.field({
      type: ['File'],
      required: true,
      description: 'JPEG, PNG or WebP by content, whatever their names say; at most 20 MB (20,000,000 bytes) each.',
    }),
  }),
});

builder.mutationField('addPhotos', (t) =>
  t.errorUnionField({
    types: [AddPhotosPayload, NotFoundError, JobActiveError, LimitReachedError],
    description:
      'Adds photos to an avatar, with a verdict per file: good ones are kept even when others are refused. An avatar has at most 20.',
    union: {
      description: 'What became of the files, or why none was looked at.',
      resolveType: () => 'AddPhotosPayload',
    },
    args: { input: t.arg({ type: AddPhotosInput, required: true, description: 'What to add, and to which avatar.' }) },
    resolve: async (_root, { input: { avatarId, files } }, { app, viewer }) => {
      const avatar = avatarKey(avatarId);
      return { avatarId: avatar.id, verdicts: await addPhotos(app, viewer, { avatar, files }) };
    },
  }),
);

const RemovePhotoPayload = builder.objectRef<{ avatarId: string; deletedId: string }>('RemovePhotoPayload').implement({
  description: 'A photo is gone.',
  fields: (t) => ({
    deletedId: t.exposeID('deletedId', { description: 'The global id that it had.' }),
    avatar: t.prismaField({
      type: Avatar,
      description: 'The avatar, without it.',
      resolve: (query, { avatarId }, _args, { app }) =>
        app.prisma.avatar.findUniqueOrThrow({ ...query, where: { id: avatarId } }),
    }),
  }),
});

builder.mutationField('removePhoto', (t) =>
  t.errorUnionField({
    types: [RemovePhotoPayload, NotFoundError, JobActiveError],
    description: 'Removes a photo and its file. Not while its avatar is being trained.',
    union: { description: 'What was removed, or why nothing was.', resolveType: () => 'RemovePhotoPayload' },
    args: { photoId: t.arg.id({ required: true, description: 'The photo.' }) },
    resolve: async (_root, { photoId }, { app, viewer }) => {
      const { avatarId } = await removePhoto(app, viewer, photoId);
      return { avatarId, deletedId: photoId };
    },
  }),
);
