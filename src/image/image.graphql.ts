/** GraphQL: the pictures of a generation. */
import { GraphQLError } from 'graphql';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { Generation } from '../job/job.graphql.ts';
import { InvalidInputError, NotFoundError } from '../refusal/refusal.ts';
import { renditionParameters } from '../storage/rendition.ts';
import { deleteImage, favoriteImage } from './commands.ts';

const ImageFormat = builder.enumType('ImageFormat', {
  description: 'A file format that a picture can be had in.',
  values: {
    JPEG: { description: 'Small, and read everywhere.' },
    PNG: { description: 'Lossless, and large.' },
    WEBP: { description: 'Smaller than JPEG.' },
    AVIF: { description: 'The smallest, and the slowest to make.' },
  } as const,
});

const GeneratedImage = builder.prismaNode('GeneratedImage', {
  nullable: true,
  select: { id: true },
  id: { field: 'id', description: 'Global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.images(viewer), id }),
  fields: (t) => ({
    url: t.field({
      type: 'URL',
      description:
        'Where the picture is, from our own copy: signed, good for one hour, minted per read. With no argument it is as fal drew it.',
      args: {
        width: t.arg.int({ description: 'Pixels, 16 to 4096; the height follows. Never enlarged.' }),
        format: t.arg({ type: ImageFormat, description: 'Its own format when left out.' }),
        quality: t.arg.int({ description: '1 to 100.' }),
      },
      select: { id: true },
      resolve: ({ id }, rendition, { app }) => app.urls.signedHref(`/files/images/${id}`, parametersOf(rendition)),
    }),
    contentType: t.exposeString('contentType'),
    width: t.exposeInt('width'),
    height: t.exposeInt('height'),
    byteSize: t.exposeInt('byteSize'),
    blurhash: t.exposeString('blurhash'),
    hasNsfwConcepts: t.exposeBoolean('hasNsfwConcepts'),
    isFavorite: t.exposeBoolean('isFavorite'),
    generation: t.relation('generation', { type: Generation, description: 'What drew it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

builder.prismaObjectFields(Generation, (t) => ({
  images: t.relation('images', {
    description: 'The pictures, in fal’s order: none before SUCCEEDED, and without those that were deleted since.',
    query: { orderBy: { position: 'asc' } },
  }),
}));

/** A field of a query has no union to refuse with. */
function parametersOf(rendition: Parameters<typeof renditionParameters>[0]): Record<string, string> {
  try {
    return renditionParameters(rendition);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new GraphQLError(error.message, { extensions: { code: 'BAD_USER_INPUT' } });
  }
}

builder.mutationField('favoriteImage', (t) =>
  t.errorUnionField({
    types: [GeneratedImage, NotFoundError],
    description: 'Marks an image as a favorite, or takes the mark away.',
    union: { description: 'The image, or that there is none.', resolveType: () => 'GeneratedImage' },
    args: {
      imageId: t.arg.id({ required: true, description: 'The image.' }),
      favorite: t.arg.boolean({ required: true, description: 'Whether it is one from now on.' }),
    },
    resolve: (_root, args, { app, viewer }) => favoriteImage(app, viewer, args),
  }),
);

const DeleteImagePayload = builder.simpleObject('DeleteImagePayload', {
  description: 'An image is gone.',
  fields: (t) => ({ deletedId: t.id({ description: 'The global id that it had.' }) }),
});

builder.mutationField('deleteImage', (t) =>
  t.errorUnionField({
    types: [DeleteImagePayload, NotFoundError],
    description: 'Deletes an image and its file. Its generation stays as it ended.',
    union: {
      description: 'What was deleted, or that there is no such image.',
      resolveType: () => 'DeleteImagePayload',
    },
    args: { imageId: t.arg.id({ required: true, description: 'The image.' }) },
    resolve: async (_root, { imageId }, { app, viewer }) => {
      await deleteImage(app, viewer, imageId);
      return { deletedId: imageId };
    },
  }),
);
