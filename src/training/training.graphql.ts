/** GraphQL: the fields of a training, and the list of an avatar’s trainings. */
import { Avatar, AvatarProfile } from '../avatar/avatar.graphql.ts';
import { builder } from '../graphql/builder.ts';
import { Training } from '../job/job.graphql.ts';
import { jobsOf, pageOfSelected } from '../job/job-page.graphql.ts';
import { TrainingPreset } from './preset.graphql.ts';
import { TrainingSettings } from './settings.graphql.ts';
import { readSettings } from './settings.ts';

builder.prismaObjectFields(Training, (t) => ({
  avatar: t.relation('avatar', { type: Avatar, description: 'The avatar that the training trains.' }),
  photoCount: t.int({
    description: 'The number of the avatar’s photos that it trains with. 0 if the input had a `datasetUrl`.',
    select: { photoCount: true },
    resolve: ({ photoCount }) => photoCount ?? 0,
  }),
  preset: t.expose('trainingPreset', {
    type: TrainingPreset,
    nullable: true,
    description: 'The preset of the input.',
  }),
  settings: t.field({
    type: TrainingSettings,
    description: 'The settings that the server sends to fal, with defaults filled in.',
    select: { endpoint: true, input: true },
    resolve: ({ endpoint, input }) => readSettings(endpoint, input),
  }),
}));

builder.prismaInterfaceFields(AvatarProfile, (t) => ({
  trainings: t.connection(
    {
      type: Training,
      description: 'The trainings of the avatar, newest first.',
      select: (args, _context, nestedSelection) => ({
        jobs: nestedSelection(jobsOf(args, { kind: 'TRAINING' }), ['edges', 'node']),
      }),
      resolve: ({ jobs }, args) => pageOfSelected(args, jobs),
    },
    { name: 'TrainingConnection', description: 'A page of trainings.' },
    { name: 'TrainingEdge', description: 'A training on a page.' },
  ),
}));
