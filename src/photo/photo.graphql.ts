/** GraphQL: the photos of an avatar, and the mutations addPhotos and removePhoto. */
import type { Photo as PhotoRow } from '../../prisma/generated/client/client.ts';
import { Avatar, AvatarProfile } from '../avatar/avatar.graphql.ts';
import { avatarKey } from '../avatar/key.ts';
import { builder } from '../graphql/builder.ts';
import { pageOf, pageQuery } from '../graphql/pagination.ts';
import { JobActiveError } from '../job/commands/start-job.ts';
import { LimitReachedError, NotFoundError } from '../refusal/refusal.ts';
import { renditionParameters } from '../storage/rendition.ts';
import { addPhotos, ownPhoto, removePhoto } from './commands.ts';
import { between, decodeCursor, encodeCursor } from './cursor.ts';
import type { PhotoVerdict as Verdict } from './store-photos.ts';

const PhotoProblem = builder.enumType('PhotoProblem', {
  description: 'Why an uploaded file is not added as a photo.',
  values: {
    EMPTY: { description: 'The file is empty.' },
    TOO_LARGE: { description: 'The file has more than 20 MB (20,000,000 bytes).' },
    NOT_AN_IMAGE: { description: 'The content is not an image, whatever the name says.' },
    UNSUPPORTED_FORMAT: { description: 'The image is not a JPEG, PNG or WebP, or it is an animation.' },
    CORRUPT: { description: 'The image is damaged or cut off: it cannot be decoded to its end.' },
    TOO_SMALL: { description: 'The shorter side has fewer than 512 pixels.' },
    TOO_MANY_PIXELS: { description: 'The image has more than 50 megapixels.' },
    DUPLICATE: { description: 'The avatar already has a photo with the same bytes.' },
    AVATAR_FULL: { description: 'The avatar already has 20 photos.' },
  } as const,
});

const PhotoWarning = builder.enumType('PhotoWarning', {
  description: 'Why a photo may be a poor training photo. Such a photo is added and used all the same.',
  values: {
    HUGE: { description: 'The longer side has more than 4096 pixels, more than training uses.' },
    ELONGATED: { description: 'One side is more than three times as long as the other.' },
    TINY_FILE: { description: 'The file has fewer than 50 KB (50,000 bytes). It may be over-compressed.' },
    TOO_DARK: { description: 'The mean luma is below 30, on a scale from 0 to 255.' },
    TOO_BRIGHT: { description: 'The mean luma is above 220, on a scale from 0 to 255.' },
    LOW_CONTRAST: { description: 'The standard deviation of the luma is below 15, on a scale from 0 to 255.' },
  } as const,
});

const Photo = builder.prismaNode('Photo', {
  nullable: true,
  id: { field: 'id', description: 'The global id.' },
  findUnique: (id, { viewer }) => ownPhoto(viewer, id),
  fields: (t) => ({
    fileName: t.exposeString('fileName'),
    mimeType: t.exposeString('mimeType'),
    byteSize: t.exposeInt('byteSize'),
    width: t.exposeInt('width'),
    height: t.exposeInt('height'),
    url: t.field({
      type: 'URL',
      description:
        'A signed URL of the photo that is valid for at least 55 minutes. Reads that are close together return the same URL. Without `width` it serves the uploaded file.',
      args: {
        width: t.arg.int({
          description:
            'Serves the photo scaled to this width in pixels, 16 to 4096, upright and without metadata. The height follows. A smaller photo is not enlarged.',
        }),
      },
      select: { id: true },
      resolve: ({ id }, { width }, { app }) =>
        app.urls.signedHref(`/files/photos/${id}`, renditionParameters({ width })),
    }),
    warnings: t.expose('warnings', { type: [PhotoWarning] }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

builder.prismaInterfaceFields(AvatarProfile, (t) => ({
  photos: t.connection(
    {
      type: Photo,
      description: 'The photos to train the avatar with, in the order in which they were added.',
      select: (args, _context, nestedSelection) => {
        const { after, before, limit, inverted } = pageQuery(args, decodeCursor);
        const orderBy = { position: inverted ? 'desc' : 'asc' } as const;
        const rows = { where: between(after, before), orderBy, take: limit, select: { id: true, position: true } };
        return { photos: nestedSelection(rows, ['edges', 'node']) };
      },
      resolve: ({ photos }, args) => pageOf(args, photos as PhotoRow[], encodeCursor),
    },
    { name: 'PhotoConnection', description: 'A page of photos.' },
    { name: 'PhotoEdge', description: 'A photo on a page.' },
  ),
}));

const PhotoVerdict = builder.objectRef<Verdict>('PhotoVerdict').implement({
  description: 'The result for one uploaded file.',
  fields: (t) => ({
    fileName: t.exposeString('fileName', { description: 'The name of the uploaded file.' }),
    photo: t.expose('photo', {
      type: Photo,
      nullable: true,
      description: 'The added photo. Null if the file was not added.',
    }),
    problems: t.expose('problems', {
      type: [PhotoProblem],
      description: 'Why the file was not added. Empty if it was added.',
    }),
    warnings: t.expose('warnings', { type: [PhotoWarning], description: 'Why the added photo may train poorly.' }),
    message: t.exposeString('message', { description: 'The result in English.' }),
  }),
});

const AddPhotosPayload = builder.objectRef<{ avatarId: string; verdicts: Verdict[] }>('AddPhotosPayload').implement({
  description: 'The result of adding photos.',
  fields: (t) => ({
    avatar: t.prismaField({
      type: Avatar,
      description: 'The avatar, with the added photos.',
      resolve: (query, { avatarId }, _args, { app }) =>
        app.prisma.avatar.findUniqueOrThrow({ ...query, where: { id: avatarId } }),
    }),
    verdicts: t.expose('verdicts', { type: [PhotoVerdict], description: 'One result per file, in the same order.' }),
  }),
});

const AddPhotosInput = builder.inputType('AddPhotosInput', {
  description: 'The photos to add.',
  fields: (t) => ({
    avatarId: t.id({ required: true, description: 'The id of the avatar.' }),
    files: t.field({
      type: ['File'],
      required: true,
      description:
        'The files: JPEG, PNG or WebP, recognised by content and not by name, with at most 20 MB (20,000,000 bytes) each.',
    }),
  }),
});

builder.mutationField('addPhotos', (t) =>
  t.errorUnionField({
    types: [AddPhotosPayload, NotFoundError, JobActiveError, LimitReachedError],
    description:
      'Adds photos to an avatar. Each file has its own verdict: good files are added even if others are rejected. An avatar has at most 20 photos. Returns JobActiveError while the avatar is being trained, and LimitReachedError if the server’s disk is nearly full.',
    union: { description: 'The result for each file, or the error.', resolveType: () => 'AddPhotosPayload' },
    args: { input: t.arg({ type: AddPhotosInput, required: true, description: 'The photos and their avatar.' }) },
    resolve: async (_root, { input: { avatarId, files } }, { app, viewer }) => {
      const avatar = avatarKey(avatarId);
      return { avatarId: avatar.id, verdicts: await addPhotos(app, viewer, { avatar, files }) };
    },
  }),
);

const RemovePhotoPayload = builder.objectRef<{ avatarId: string; deletedId: string }>('RemovePhotoPayload').implement({
  description: 'The result of removing a photo.',
  fields: (t) => ({
    deletedId: t.exposeID('deletedId', { description: 'The global id of the removed photo.' }),
    avatar: t.prismaField({
      type: Avatar,
      description: 'The avatar, without the photo.',
      resolve: (query, { avatarId }, _args, { app }) =>
        app.prisma.avatar.findUniqueOrThrow({ ...query, where: { id: avatarId } }),
    }),
  }),
});

builder.mutationField('removePhoto', (t) =>
  t.errorUnionField({
    types: [RemovePhotoPayload, NotFoundError, JobActiveError],
    description: 'Removes a photo and its file. Returns JobActiveError while the avatar is being trained.',
    union: {
      description: 'The id of the removed photo and its avatar, or the error.',
      resolveType: () => 'RemovePhotoPayload',
    },
    args: { photoId: t.arg.id({ required: true, description: 'The id of the photo.' }) },
    resolve: async (_root, { photoId }, { app, viewer }) => {
      const { avatarId } = await removePhoto(app, viewer, photoId);
      return { avatarId, deletedId: photoId };
    },
  }),
);
