/** GraphQL: the avatar types and the query `avatars`. Photos, trainings and generations add their own fields to them. */
import { queryFromInfo } from '@pothos/plugin-prisma';
import type { Avatar as AvatarRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { pageOf, pageQuery } from '../graphql/pagination.ts';
import { AvatarFinding } from './avatar-finding.graphql.ts';
import { between, decodeCursor, encodeCursor, newestFirst, oldestFirst } from './cursor.ts';
import { findingsOf } from './findings.ts';

export const avatarTypeName = (avatar: Pick<AvatarRow, 'kind'>) =>
  avatar.kind === 'PORTRAIT' ? ('PortraitAvatar' as const) : ('StyleAvatar' as const);

export const AvatarKind = builder.enumType('AvatarKind', {
  description: 'What an avatar depicts.',
  values: {
    PORTRAIT: { description: 'A person, trained as a LoRA.' },
    STYLE: { description: 'An artistic style, trained as a finetune.' },
  } as const,
});

export const AvatarStatus = builder.enumType('AvatarStatus', {
  description: 'Whether an avatar has a trained model.',
  values: {
    DRAFT: { description: 'There is no model, and no training is under way.' },
    TRAINING: { description: 'The first training is under way. An avatar that is trained again stays READY.' },
    READY: { description: 'The avatar has a model and can generate pictures.' },
    FAILED: { description: 'There is no model, because the last training failed.' },
  } as const,
});

export const AvatarProfile = builder.prismaInterface('Avatar', {
  name: 'AvatarProfile',
  description: 'The fields that every avatar has. PortraitAvatar and StyleAvatar implement it.',
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: avatarTypeName,
  select: { id: true, kind: true },
  fields: (t) => ({
    name: t.exposeString('name'),
    status: t.expose('status', { type: AvatarStatus }),
    isDefault: t.exposeBoolean('isDefault'),
    trigger: t.string({
      description:
        'The text that stands for the avatar in prompts: the trigger phrase of a portrait, the trigger word of a style.',
      select: { triggerPhrase: true, triggerWord: true },
      resolve: (avatar) => avatar.triggerPhrase ?? avatar.triggerWord ?? '',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    findings: t.field({
      type: [AvatarFinding],
      description: 'The integrity rules that the avatar breaks at present. Empty for a sound avatar.',
      select: {
        kind: true,
        status: true,
        finetuneId: true,
        diffusersLoraFileUrl: true,
        configFileUrl: true,
        loraFileHash: true,
        configFileHash: true,
      },
      resolve: findingsOf,
    }),
  }),
});

export const PortraitAvatar = builder.prismaNode('Avatar', {
  variant: 'PortraitAvatar',
  description: 'A person. Training makes LoRA weights of the person, which the models for portraits draw with.',
  interfaces: [AvatarProfile],
  nullable: true,
  id: { field: 'id', description: 'The global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.avatars(viewer), id, kind: 'PORTRAIT' }),
  fields: (t) => ({
    triggerPhrase: t.string({
      description:
        'The phrase that stands for the person in prompts. Default: `TOK_` and the first 8 hex digits of the avatar’s UUID.',
      select: { triggerPhrase: true, triggerWord: true },
      resolve: (avatar) => avatar.triggerPhrase ?? avatar.triggerWord ?? '',
    }),
    diffusersLoraFileUrl: t.expose('diffusersLoraFileUrl', { type: 'URL', nullable: true }),
    configFileUrl: t.expose('configFileUrl', { type: 'URL', nullable: true }),
  }),
});

export const StyleAvatar = builder.prismaNode('Avatar', {
  variant: 'StyleAvatar',
  description: 'An artistic style. Training makes a finetune at fal, which the models for styles draw with.',
  interfaces: [AvatarProfile],
  nullable: true,
  id: { field: 'id', description: 'The global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.avatars(viewer), id, kind: 'STYLE' }),
  fields: (t) => ({
    triggerWord: t.string({
      description:
        'The word that stands for the style in prompts. Default: `TOK_` and the first 8 hex digits of the avatar’s UUID.',
      select: { triggerWord: true },
      resolve: (avatar) => avatar.triggerWord ?? '',
    }),
    finetuneId: t.exposeString('finetuneId', { nullable: true }),
  }),
});

/**
 * Pothos has no union over one Prisma model. These two extension keys make its connections select through the interface,
 * and the cast gives the union the interface's type. The keys are internals of Pothos: if a new version renames them, the
 * test on the number of SQL statements fails.
 */
export const Avatar = builder.unionType('Avatar', {
  description: 'A person or an artistic style to draw pictures of.',
  types: [PortraitAvatar, StyleAvatar],
  resolveType: (avatar) => avatarTypeName(avatar),
  extensions: { pothosPrismaModel: 'Avatar', pothosIndirectInclude: { getType: () => 'AvatarProfile', path: [] } },
}) as unknown as typeof AvatarProfile;

builder.queryField('avatars', (t) =>
  t.connection(
    {
      type: Avatar,
      description: 'The viewer’s avatars, newest first.',
      args: {
        kind: t.arg({ type: AvatarKind, description: 'Returns only avatars of this kind.' }),
        status: t.arg({ type: AvatarStatus, description: 'Returns only avatars with this status.' }),
      },
      resolve: async (_root, args, context, info) => {
        // The document's selection, relations included: one SQL statement loads the whole page.
        const selection: object = queryFromInfo({
          context,
          info,
          typeName: 'AvatarProfile',
          paths: [['edges', 'node']],
          select: { id: true, kind: true, createdAt: true },
        });
        const where = {
          ...owned.avatars(context.viewer),
          ...(args.kind && { kind: args.kind }),
          ...(args.status && { status: args.status }),
        };
        const { after, before, limit, inverted } = pageQuery(args, decodeCursor);
        const avatars: AvatarRow[] = await context.app.prisma.avatar.findMany({
          ...selection,
          where: { ...where, ...between(after, before) },
          orderBy: inverted ? oldestFirst : newestFirst,
          take: limit,
        });
        return pageOf(args, avatars, encodeCursor);
      },
    },
    { name: 'AvatarConnection', description: 'A page of avatars.' },
    { name: 'AvatarEdge', description: 'An avatar in a page.' },
  ),
);
