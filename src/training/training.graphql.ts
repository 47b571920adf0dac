/** GraphQL: what a training is, and how its owner finds it again. */
import { Avatar, AvatarProfile } from '../avatar/avatar.graphql.ts';
import { builder } from '../graphql/builder.ts';
import { Training } from '../job/job.graphql.ts';
import { jobsOf, pageOfSelected } from '../job/job-page.graphql.ts';
import { TrainingPreset } from './preset.graphql.ts';
import { TrainingSettings } from './settings.graphql.ts';
import { readSettings } from './settings.ts';

builder.prismaObjectFields(Training, (t) => ({
  avatar: t.relation('avatar', { type: Avatar, description: 'Whom or what it learns.' }),
  photoCount: t.int({
    description: 'How many photos it learns from; 0 with a dataset of the caller’s own.',
    select: { photoCount: true },
    resolve: ({ photoCount }) => photoCount ?? 0,
  }),
  preset: t.expose('trainingPreset', {
    type: TrainingPreset,
    nullable: true,
    description: 'The preset that was asked for.',
  }),
  settings: t.field({
    type: TrainingSettings,
    description: 'Exactly what fal was sent beside the photos, defaults filled in.',
    select: { endpoint: true, input: true },
    resolve: ({ endpoint, input }) => readSettings(endpoint, input),
  }),
}));

builder.prismaInterfaceFields(AvatarProfile, (t) => ({
  trainings: t.connection(
    {
      type: Training,
      description: 'How this avatar was trained, newest first.',
      select: (args, _context, nestedSelection) => ({
        jobs: nestedSelection(jobsOf(args, { kind: 'TRAINING' }), ['edges', 'node']),
      }),
      resolve: ({ jobs }, args) => pageOfSelected(args, jobs),
    },
    { name: 'TrainingConnection', description: 'A page of trainings.' },
    { name: 'TrainingEdge', description: 'A training in a page.' },
  ),
}));
