/** GraphQL: what a generation is, and how its owner finds it again. */

import { owned } from '../access/ownership.ts';
import { Avatar, AvatarProfile } from '../avatar/avatar.graphql.ts';
import { builder } from '../graphql/builder.ts';
import { Generation } from '../job/job.graphql.ts';
import { jobsOf, pageOfJobs, pageOfSelected } from '../job/job-page.graphql.ts';
import { GenerationPreset } from './preset.graphql.ts';
import { isOf, promptHolds } from './search.ts';
import { GenerationSettings } from './settings.graphql.ts';
import { readSettings } from './settings.ts';

builder.prismaObjectFields(Generation, (t) => ({
  avatar: t.relation('avatar', { type: Avatar, description: 'Whom or what it draws.' }),
  prompt: t.string({
    description: 'The prompt as the user wrote it, without the blanks around it.',
    select: { prompt: true },
    resolve: ({ prompt }) => prompt ?? '',
  }),
  finalPrompt: t.string({
    description: 'The prompt with the avatar’s trigger, as fal was sent it.',
    select: { finalPrompt: true },
    resolve: ({ finalPrompt }) => finalPrompt ?? '',
  }),
  preset: t.expose('generationPreset', {
    type: GenerationPreset,
    nullable: true,
    description: 'The preset that was asked for.',
  }),
  settings: t.field({
    type: GenerationSettings,
    description: 'Exactly what fal was sent beside the prompt, defaults filled in.',
    select: { endpoint: true, input: true },
    resolve: ({ endpoint, input }) => readSettings(endpoint, input),
  }),
  seed: t.exposeString('seed', {
    nullable: true,
    description: 'The seed that fal drew with, once it has; can exceed 32 bits.',
  }),
}));

const GenerationConnection = builder.connectionObject(
  { type: Generation, name: 'GenerationConnection', description: 'A page of generations.' },
  { name: 'GenerationEdge', description: 'A generation in a page.' },
);

builder.prismaInterfaceFields(AvatarProfile, (t) => ({
  generations: t.connection(
    {
      type: Generation,
      description: 'What was drawn of this avatar, newest first.',
      select: (args, _context, nestedSelection) => ({
        jobs: nestedSelection(jobsOf(args, { kind: 'GENERATION' }), ['edges', 'node']),
      }),
      resolve: ({ jobs }, args) => pageOfSelected(args, jobs),
    },
    GenerationConnection,
  ),
}));

builder.queryField('generations', (t) =>
  t.connection(
    {
      type: Generation,
      description:
        'The viewer’s generations, newest first. A page holds 20 unless `first` says otherwise, and 100 at most.',
      args: {
        avatarId: t.arg.id({ description: 'Only those of this avatar; none when there is no such avatar.' }),
        search: t.arg.string({ description: 'Only those whose prompt holds this text, in any case.' }),
      },
      resolve: (_root, args, context, info) => {
        return pageOfJobs(args, context, info, 'Generation', {
          ...owned.jobs(context.viewer),
          kind: 'GENERATION',
          AND: [isOf(args.avatarId), promptHolds(args.search)],
        });
      },
    },
    GenerationConnection,
  ),
);
