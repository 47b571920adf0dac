/** GraphQL: what an avatar is. Other features add their own fields to it. */
import { queryFromInfo } from '@pothos/plugin-prisma';
import type { Avatar as AvatarRow } from '../../prisma/generated/client/client.ts';
import { owned } from '../access/ownership.ts';
import { builder } from '../graphql/builder.ts';
import { pageOf, pageQuery } from '../graphql/pagination.ts';
import { AvatarFinding } from './avatar-finding.graphql.ts';
import { between, cursorOf, newestFirst, oldestFirst, placeOf } from './cursor.ts';
import { findingsOf } from './findings.ts';

export const avatarTypeName = (avatar: Pick<AvatarRow, 'kind'>) =>
  avatar.kind === 'PORTRAIT' ? ('PortraitAvatar' as const) : ('StyleAvatar' as const);

export const AvatarKind = builder.enumType('AvatarKind', {
  description: 'What an avatar is a likeness of.',
  values: {
    PORTRAIT: { description: 'A person, learned as a LoRA.' },
    STYLE: { description: 'An artistic style, learned as a finetune.' },
  } as const,
});

export const AvatarStatus = builder.enumType('AvatarStatus', {
  description: 'How far an avatar has come.',
  values: {
    DRAFT: { description: 'No trained model yet, no training under way.' },
    TRAINING: { description: 'A training is under way and there is no model yet. A retraining avatar stays READY.' },
    READY: { description: 'Has its model: may generate.' },
    FAILED: { description: 'The last training failed and there is no model.' },
  } as const,
});

export const AvatarProfile = builder.prismaInterface('Avatar', {
  name: 'AvatarProfile',
  description: 'What every avatar has. Both members of the union Avatar implement it.',
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: avatarTypeName,
  select: { id: true, kind: true },
  fields: (t) => ({
    name: t.exposeString('name'),
    status: t.expose('status', { type: AvatarStatus }),
    isDefault: t.exposeBoolean('isDefault'),
    trigger: t.string({
      description: 'What goes into prompts: the trigger phrase or word.',
      select: { triggerPhrase: true, triggerWord: true },
      resolve: (avatar) => avatar.triggerPhrase ?? avatar.triggerWord ?? '',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    findings: t.field({
      type: [AvatarFinding],
      description: 'The strict rules, checked on this avatar as it stands: empty when it is sound.',
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
  description: 'A person. Trained by fal-ai/flux-lora-portrait-trainer, drawn by fal-ai/flux-lora.',
  interfaces: [AvatarProfile],
  nullable: true,
  id: { field: 'id', description: 'Global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.avatars(viewer), id, kind: 'PORTRAIT' }),
  fields: (t) => ({
    triggerPhrase: t.string({
      description:
        'What stands for the person in prompts. Default: `TOK_` and the first 8 hex digits of the avatar’s uuid.',
      select: { triggerPhrase: true, triggerWord: true },
      resolve: (avatar) => avatar.triggerPhrase ?? avatar.triggerWord ?? '',
    }),
    diffusersLoraFileUrl: t.expose('diffusersLoraFileUrl', { type: 'URL', nullable: true }),
    configFileUrl: t.expose('configFileUrl', { type: 'URL', nullable: true }),
  }),
});

export const StyleAvatar = builder.prismaNode('Avatar', {
  variant: 'StyleAvatar',
  description:
    'An artistic style. Trained by fal-ai/flux-pro-trainer, drawn by fal-ai/flux-pro/v1.1-ultra-finetuned or fal-ai/flux-pro/finetuned.',
  interfaces: [AvatarProfile],
  nullable: true,
  id: { field: 'id', description: 'Global id.' },
  findUnique: (id, { viewer }) => ({ ...owned.avatars(viewer), id, kind: 'STYLE' }),
  fields: (t) => ({
    triggerWord: t.string({
      description:
        'What stands for the style in prompts. Default: `TOK_` and the first 8 hex digits of the avatar’s uuid.',
      select: { triggerWord: true },
      resolve: (avatar) => avatar.triggerWord ?? '',
    }),
    finetuneId: t.exposeString('finetuneId', { nullable: true }),
  }),
});

/**
 * Pothos has no union over one Prisma model; these extension keys let its connections select through the interface.
 * They are Pothos's internals: the test on the number of SQL statements fails when a version moves them. It is typed as
 * the interface, which is what Pothos takes it for.
 */
export const Avatar = builder.unionType('Avatar', {
  description: 'A person or an artistic style that fal has learned, or will.',
  types: [PortraitAvatar, StyleAvatar],
  resolveType: (avatar) => avatarTypeName(avatar),
  extensions: { pothosPrismaModel: 'Avatar', pothosIndirectInclude: { getType: () => 'AvatarProfile', path: [] } },
}) as unknown as typeof AvatarProfile;

builder.queryField('avatars', (t) =>
  t.connection(
    {
      type: Avatar,
      description:
        'The viewer’s avatars, newest first. A page holds 20 unless `first` says otherwise, and 100 at most.',
      args: {
        kind: t.arg({ type: AvatarKind, description: 'Only portraits, or only styles.' }),
        status: t.arg({ type: AvatarStatus, description: 'Only those that have come this far.' }),
      },
      resolve: async (_root, args, context, info) => {
        // What is selected of each avatar, its relations too: one SQL statement for the whole page.
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
        const { after, before, limit, inverted } = pageQuery(args, placeOf);
        const avatars: AvatarRow[] = await context.app.prisma.avatar.findMany({
          ...selection,
          where: { ...where, ...between(after, before) },
          orderBy: inverted ? oldestFirst : newestFirst,
          take: limit,
        });
        return pageOf(args, avatars, cursorOf);
      },
    },
    { name: 'AvatarConnection', description: 'A page of avatars.' },
    { name: 'AvatarEdge', description: 'An avatar in a page.' },
  ),
);
