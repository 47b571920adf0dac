/** GraphQL: the training pictures of an avatar. */
import type { Photo as PhotoRow } from '../../prisma/generated/client/client.ts';
import { AvatarProfile } from '../avatar/avatar.graphql.ts';
import { builder } from '../graphql/builder.ts';
import { pageOf, pageQuery } from '../graphql/pagination.ts';
import { renditionParameters } from '../storage/rendition.ts';
import { ownPhoto } from './commands.ts';
import { between, cursorOf, placeOf } from './cursor.ts';

export const PhotoProblem = builder.enumType('PhotoProblem', {
  description: 'Why an uploaded file is not kept.',
  values: {
    EMPTY: { description: 'The file has no bytes.' },
    TOO_LARGE: { description: 'The file has more than 20 MB (20,000,000 bytes).' },
    NOT_AN_IMAGE: { description: 'Its content is no image, whatever its name says.' },
    UNSUPPORTED_FORMAT: { description: 'An image, but no JPEG, PNG or WebP, or one of several frames.' },
    CORRUPT: { description: 'Damaged or cut off: it does not decode to its end.' },
    TOO_SMALL: { description: 'The shorter side has less than 512 pixels.' },
    TOO_MANY_PIXELS: { description: 'More than 50 megapixels.' },
    DUPLICATE: { description: 'The avatar has a photo with the same bytes already.' },
    AVATAR_FULL: { description: 'The avatar has 20 photos already.' },
  } as const,
});

export const PhotoWarning = builder.enumType('PhotoWarning', {
  description: 'What a photo might be better without. It is kept, and trained with, all the same.',
  values: {
    HUGE: { description: 'The longer side has more than 4096 pixels: more than training makes use of.' },
    ELONGATED: { description: 'More than three times as long as wide, or as wide as long.' },
    TINY_FILE: { description: 'The file has less than 50 KB (50,000 bytes): perhaps compressed too much.' },
    TOO_DARK: { description: 'The mean luma is under 30 of 255.' },
    TOO_BRIGHT: { description: 'The mean luma is over 220 of 255.' },
    LOW_CONTRAST: { description: 'The standard deviation of the luma is under 15 of 255.' },
  } as const,
});

export const Photo = builder.prismaNode('Photo', {
  nullable: true,
  id: { field: 'id', description: 'Global id.' },
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
        'Where the photo is: signed, good for one hour, minted per read. Without a width it is the file as it was uploaded.',
      args: {
        width: t.arg.int({
          description: 'Pixels, 16 to 4096; the height follows. Upright, without metadata, never enlarged.',
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
      description: 'The photos that it is trained with, in the order they were added.',
      select: (args, _context, nestedSelection) => {
        const { after, before, limit, inverted } = pageQuery(args, placeOf);
        const orderBy = { position: inverted ? 'desc' : 'asc' } as const;
        const rows = { where: between(after, before), orderBy, take: limit, select: { id: true, position: true } };
        return { photos: nestedSelection(rows, ['edges', 'node']) };
      },
      resolve: ({ photos }, args) => pageOf(args, photos as PhotoRow[], cursorOf),
    },
    { name: 'PhotoConnection', description: 'A page of photos.' },
    { name: 'PhotoEdge', description: 'A photo in a page.' },
  ),
}));
