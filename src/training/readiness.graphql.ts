/** GraphQL: whether an avatar may be trained from its photos. */
import { AvatarProfile } from '../avatar/avatar.graphql.ts';
import { builder } from '../graphql/builder.ts';
import { type TrainingReadiness as Readiness, readinessOf } from './rules.ts';

export const TrainingReadiness = builder.objectRef<Readiness>('TrainingReadiness').implement({
  description: 'Whether an avatar has enough photos for a training, and what is missing.',
  fields: (t) => ({
    ready: t.exposeBoolean('ready', { description: 'Whether the avatar can be trained with its photos.' }),
    photoCount: t.exposeInt('photoCount', { description: 'The number of photos that the avatar has.' }),
    minPhotos: t.exposeInt('minPhotos', { description: 'The smallest number of photos for a training.' }),
    maxPhotos: t.exposeInt('maxPhotos', { description: 'The largest number of photos for a training.' }),
    missing: t.exposeStringList('missing', {
      description: 'What to do before a training, one English sentence each. Empty if `ready` is true.',
    }),
  }),
});

builder.prismaInterfaceFields(AvatarProfile, (t) => ({
  readiness: t.field({
    type: TrainingReadiness,
    description: 'Whether the avatar has enough photos for a training, and what is missing.',
    select: { _count: { select: { photos: true } } },
    resolve: ({ _count }) => readinessOf(_count.photos),
  }),
}));
