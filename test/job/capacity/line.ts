/** Owners and jobs that wait in the line for fal, over a clock of the test's own. */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { FalLimits } from '../../../src/fal/limits.ts';
import { admitWaiting } from '../../../src/job/capacity/waiting-line.ts';
import { type Generations, openGenerations } from '../../support/generations.ts';
import { addAvatar, addJob, addUser } from '../../support/rows.ts';

const wide: FalLimits = { submitsPerMinute: 1_000_000, jobsAtOnce: 1_000_000, statusReadsPerMinute: 3_000 };

export let world: Generations;
let at: number;

/** Opens a database for the tests of a file. Each test begins without jobs, on January 1. */
export function openLine(): void {
  beforeAll(async () => {
    world = await openGenerations();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    at = Date.UTC(2026, 0, 1);
    const { prisma, app } = world;
    await prisma.job.deleteMany();
    await prisma.user.updateMany({ data: { turn: 0 } });
    await prisma.falBudget.update({
      where: { id: 1 },
      data: { turn: 0, submits: [], pausedUntil: null, toldAt: null },
    });
    await app.steps.forgetAll();
  });
}

/** Moves the clock by so many milliseconds. */
export function pass(ms: number): void {
  at += ms;
}
export const now = () => new Date(at);

export const parts = (limits: Partial<FalLimits>) => ({
  ...world.app,
  falLimits: { ...wide, ...limits },
  now: () => new Date(at),
});
export const newOwner = async (weight = 1) => {
  const owner = await addUser(world.prisma);
  await world.prisma.user.update({ where: { id: owner.id }, data: { weight } });
  return await addAvatar(world.prisma, owner.id);
};
export type Owner = Awaited<ReturnType<typeof newOwner>>;
export const wait = async (owner: Owner, count = 1) => {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push((await addJob(world.prisma, owner)).id);
  return ids;
};
/** Lets the next ones go, one by one, each ending at once; their ids in that order. */
export const serve = async (count: number) => {
  const served: string[] = [];
  for (let n = 0; n < count; n += 1) {
    await admitWaiting(parts({ jobsAtOnce: 1 }));
    const gone = await world.prisma.job.findMany({ where: { admittedAt: { not: null }, finishedAt: null } });
    served.push(...gone.map(({ id }) => id));
    const end = { status: 'CANCELLED', finishedAt: new Date(at) } as const;
    await world.prisma.job.updateMany({ where: { id: { in: gone.map(({ id }) => id) } }, data: end });
  }
  return served;
};

/**
 * Owners with ten jobs each, but the first with half of all jobs and the last with twenty; now and then another comes with
 * one job. Returns the most turns of others that one of these waited for, and expects that the first gets no more than its share.
 */
export async function longestWait(ownerCount: number): Promise<number> {
  const owners = await Promise.all(Array.from({ length: ownerCount }, () => newOwner()));
  const jobsOf = (n: number) => (n === 0 ? ownerCount * 10 : n === ownerCount - 1 ? 20 : 10);
  await world.prisma.job.createMany({
    data: owners.flatMap((owner, n) =>
      Array.from({ length: jobsOf(n) }, () => ({
        ownerId: owner.ownerId,
        avatarId: owner.id,
        kind: 'GENERATION' as const,
        endpoint: 'fal-ai/flux-lora',
        input: {},
        prompt: 'at sea',
        finalPrompt: 'TOK_ada at sea',
      })),
    ),
  });
  const jobCount = ownerCount * 20;
  expect(await world.prisma.job.count()).toBe(jobCount);
  /** The owner of the job that went first, second, third … */
  const order: string[] = [];
  const cameAt = new Map<string, number>();
  for (let n = 0; n < jobCount + 5; n += 1) {
    if (n % (jobCount / 5) === jobCount / 10) {
      const { ownerId, id } = await newOwner();
      await addJob(world.prisma, { id, ownerId });
      cameAt.set(ownerId, order.length);
    }
    const [id] = await serve(1);
    order.push((await world.prisma.job.findUniqueOrThrow({ where: { id: String(id) } })).ownerId);
  }
  expect([order.length, cameAt.size]).toEqual([jobCount + 5, 5]);
  const waited = [...cameAt].map(([ownerId, before]) => order.indexOf(ownerId) - before);
  const greedy = String(owners[0]?.ownerId);
  for (const { ownerId } of owners.slice(1)) {
    const before = order.slice(0, order.lastIndexOf(ownerId));
    const own = order.filter((id) => id === ownerId).length;
    expect(before.filter((id) => id === greedy).length).toBeLessThanOrEqual(own);
  }
  return Math.max(...waited);
}
