/** Rows that a test needs before what it is about, written straight to the database. */
import { randomUUID } from 'node:crypto';
import type { Avatar, Job, Prisma, User } from '../../prisma/generated/client/client.ts';
import type { Database } from '../../src/database/client.ts';

export async function addUser(prisma: Database): Promise<User> {
  return await prisma.user.create({ data: { id: randomUUID() } });
}

/** A portrait that is READY, unless said otherwise. */
export async function addAvatar(
  prisma: Database,
  ownerId: string,
  data: Partial<Prisma.AvatarUncheckedCreateInput> = {},
): Promise<Avatar> {
  return await prisma.avatar.create({
    data: {
      ownerId,
      kind: 'PORTRAIT',
      name: 'Ada',
      triggerPhrase: 'TOK_ada',
      status: 'READY',
      diffusersLoraFileUrl: 'http://127.0.0.1/lora.safetensors',
      ...data,
    },
  });
}

/** A generation that is QUEUED, unless said otherwise. */
export async function addJob(
  prisma: Database,
  avatar: Pick<Avatar, 'id' | 'ownerId'>,
  data: Partial<Prisma.JobUncheckedCreateInput> = {},
): Promise<Job> {
  return await prisma.job.create({
    data: {
      ownerId: avatar.ownerId,
      avatarId: avatar.id,
      kind: 'GENERATION',
      endpoint: 'fal-ai/flux-lora',
      input: { prompt: 'TOK_ada at sea', loras: [], num_inference_steps: 28 },
      prompt: 'at sea',
      finalPrompt: 'TOK_ada at sea',
      ...data,
    },
  });
}
