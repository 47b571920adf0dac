/** GraphQL: the pictures of a generation, and the mutations favoriteImage and deleteImage. */
import { GraphQLError } from 'graphql';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { Generation } from '../job/job.graphql.ts';
import { InvalidInputError } from '../refusal/invalid-input.ts';
import { NotFoundError } from '../refusal/refusal.ts';
import { renditionParameters } from '../storage/rendition.ts';
import { deleteImage, favoriteImage } from './commands.ts';

const ImageFormat = builder.enumType('ImageFormat', {
  description: 'A file format in which the server can serve a picture.',
  values: {
    JPEG: { description: 'JPEG: small files, supported everywhere.' },
    PNG: { description: 'PNG: lossless, large files.' },
    WEBP: { description: 'WebP: smaller files than JPEG.' },
    AVIF: { description: 'AVIF: the smallest files, the slowest to encode.' },
  } as const,
});

const GeneratedImage = builder.prismaNode('GeneratedImage', {
  nullable: true,
  select: { id: true },
  id: { field: 'id', description: 'The global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.images(viewer), id }),
  fields: (t) => ({
    url: t.field({
      type: 'URL',
      description:
        'A signed URL of the picture in this server’s storage that is valid for at least 55 minutes. Reads that are close together return the same URL. Without arguments it serves the file that fal drew. An argument outside its range is an error with the code BAD_USER_INPUT.',
      args: {
        width: t.arg.int({
          description:
            'Serves the picture scaled to this width in pixels, 16 to 4096. The height follows. A smaller picture is not enlarged.',
        }),
        format: t.arg({
          type: ImageFormat,
          description: 'Serves the picture in this format. Default: the picture’s own format.',
        }),
        quality: t.arg.int({ description: 'The quality of the encoder, 1 to 100. PNG ignores it.' }),
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
    generation: t.relation('generation', { type: Generation, description: 'The generation that drew the picture.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});

builder.prismaObjectFields(Generation, (t) => ({
  images: t.relation('images', {
    description: 'The pictures in fal’s order. Empty until the generation is SUCCEEDED. Deleted pictures are left out.',
    query: { orderBy: { position: 'asc' } },
  }),
}));

/** The field `url` returns no union, so an invalid argument becomes a GraphQL error. */
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
    description: 'Marks an image as a favorite, or removes the mark.',
    union: { description: 'The image, or the error.', resolveType: () => 'GeneratedImage' },
    args: {
      imageId: t.arg.id({ required: true, description: 'The id of the image.' }),
      favorite: t.arg.boolean({ required: true, description: 'Whether the image is a favorite from now on.' }),
    },
    resolve: (_root, input, { app, viewer }) => favoriteImage(app, viewer, input),
  }),
);

const DeleteImagePayload = builder.simpleObject('DeleteImagePayload', {
  description: 'The result of deleting an image.',
  fields: (t) => ({ deletedId: t.id({ description: 'The global id of the deleted image.' }) }),
});

builder.mutationField('deleteImage', (t) =>
  t.errorUnionField({
    types: [DeleteImagePayload, NotFoundError],
    description: 'Deletes an image and its file. The generation stays, and so does what was paid for it.',
    union: {
      description: 'The id of the deleted image, or the error.',
      resolveType: () => 'DeleteImagePayload',
    },
    args: { imageId: t.arg.id({ required: true, description: 'The id of the image.' }) },
    resolve: async (_root, { imageId }, { app, viewer }) => {
      await deleteImage(app, viewer, imageId);
      return { deletedId: imageId };
    },
  }),
);
