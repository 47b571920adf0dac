/** GraphQL: the fields of a generation, and the lists of generations. */

import { owned } from '../access/ownership.ts';
import { Avatar, AvatarProfile } from '../avatar/avatar.graphql.ts';
import { builder } from '../graphql/builder.ts';
import { Generation } from '../job/job.graphql.ts';
import { jobsOf, pageOfJobs, pageOfSelected } from '../job/job-page.graphql.ts';
import { GenerationPreset } from './preset.graphql.ts';
import { ofAvatar, promptContains } from './search.ts';
import { GenerationSettings } from './settings.graphql.ts';
import { readSettings } from './settings.ts';

builder.prismaObjectFields(Generation, (t) => ({
  avatar: t.relation('avatar', { type: Avatar, description: 'The avatar that the generation draws.' }),
  prompt: t.string({
    description: 'The prompt as the user wrote it, without surrounding blanks.',
    select: { prompt: true },
    resolve: ({ prompt }) => prompt ?? '',
  }),
  finalPrompt: t.string({
    description: 'The prompt that the server sends to fal, with the avatar’s trigger.',
    select: { finalPrompt: true },
    resolve: ({ finalPrompt }) => finalPrompt ?? '',
  }),
  preset: t.expose('generationPreset', {
    type: GenerationPreset,
    nullable: true,
    description: 'The preset of the input. Null if the caller set none.',
  }),
  settings: t.field({
    type: GenerationSettings,
    description: 'The settings that the server sends to fal, with defaults filled in.',
    select: { endpoint: true, input: true },
    resolve: ({ endpoint, input }) => readSettings(endpoint, input),
  }),
  seed: t.exposeString('seed', {
    nullable: true,
    description:
      'The seed that fal drew with, as decimal digits: it can exceed 32 bits. Null until the generation is SUCCEEDED, and if fal reported none.',
  }),
}));

const GenerationConnection = builder.connectionObject(
  { type: Generation, name: 'GenerationConnection', description: 'A page of generations.' },
  { name: 'GenerationEdge', description: 'A generation on a page.' },
);

builder.prismaInterfaceFields(AvatarProfile, (t) => ({
  generations: t.connection(
    {
      type: Generation,
      description: 'The generations of the avatar, newest first.',
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
      description: 'The viewer’s generations, newest first.',
      args: {
        avatarId: t.arg.id({
          description: 'Returns only generations of this avatar. If the viewer has no such avatar, the list is empty.',
        }),
        search: t.arg.string({
          description: 'Returns only generations whose prompt contains this text. Ignores case.',
        }),
      },
      resolve: (_root, args, context, info) => {
        return pageOfJobs(args, context, info, 'Generation', {
          ...owned.jobs(context.viewer),
          kind: 'GENERATION',
          AND: [ofAvatar(args.avatarId), promptContains(args.search)],
        });
      },
    },
    GenerationConnection,
  ),
);
