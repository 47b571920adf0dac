/** GraphQL: whether an avatar may be trained from its photos. */
import { AvatarProfile } from '../avatar/avatar.graphql.ts';
import { builder } from '../graphql/builder.ts';
import { type TrainingReadiness as Readiness, readinessOf } from './rules.ts';

export const TrainingReadiness = builder.objectRef<Readiness>('TrainingReadiness').implement({
  description: 'Whether an avatar has the photos that it takes to be trained, and what is missing.',
  fields: (t) => ({
    ready: t.exposeBoolean('ready', { description: 'Whether nothing is missing.' }),
    photoCount: t.exposeInt('photoCount', { description: 'The photos that it has.' }),
    minPhotos: t.exposeInt('minPhotos', { description: 'The photos that it takes at least.' }),
    maxPhotos: t.exposeInt('maxPhotos', { description: 'The photos that it takes at most.' }),
    missing: t.exposeStringList('missing', { description: 'What has to be done first, a sentence each.' }),
  }),
});

builder.prismaInterfaceFields(AvatarProfile, (t) => ({
  readiness: t.field({
    type: TrainingReadiness,
    description: 'Whether it has the photos that it takes to be trained, and what is missing.',
    select: { _count: { select: { photos: true } } },
    resolve: ({ _count }) => readinessOf(_count.photos),
  }),
}));
