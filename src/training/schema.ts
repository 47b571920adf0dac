import { Avatar, AvatarProfile } from '../avatar/schema.ts';
import { builder } from '../builder.ts';
import { Training } from '../job/schema.ts';

builder.prismaInterfaceFields(AvatarProfile, (t) => ({
  trainings: t.relatedConnection(
    'jobs',
    { type: Training, cursor: 'id', query: { where: { kind: 'TRAINING' }, orderBy: { id: 'desc' } } },
    { name: 'TrainingConnection' },
    { name: 'TrainingEdge' },
  ),
}));

builder.prismaObjectFields(Training, (t) => ({
  avatar: t.relation('avatar', { type: Avatar }),
}));
