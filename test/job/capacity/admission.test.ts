/** The line in which jobs wait for fal: who goes next, how many at once and a minute, and what a waiting job is told. */
import { describe, expect, test } from 'vitest';
import type { User } from '../../../prisma/generated/client/client.ts';
import type { FalLimits } from '../../../src/fal/limits.ts';
import { pauseSubmits, SubmitsSpent, takeSubmit } from '../../../src/job/capacity/submit-budget.ts';
import { admitIfAlone, admitWaiting, publishPositions } from '../../../src/job/capacity/waiting-line.ts';
import { addJob } from '../../support/rows.ts';
import { longestWait, newOwner, now, type Owner, openLine, parts, pass, serve, wait, world } from './line.ts';

openLine();

const minuteMs = 60_000;
const endpoint = 'fal-ai/flux-lora-portrait-trainer';
const waitForTraining = async (owner: Owner) => {
  const training = { kind: 'TRAINING', endpoint, prompt: null, finalPrompt: null, photoCount: 10 } as const;
  return (await addJob(world.prisma, owner, training)).id;
};
const admitted = () => world.prisma.job.count({ where: { admittedAt: { not: null } } });
const take = (limits: Partial<FalLimits>) => world.prisma.$transaction((tx) => takeSubmit(tx, parts(limits)));
/** How long until a submit is free; 0 when it was taken. */
const tryTake = (limits: Partial<FalLimits>) =>
  take(limits).then(
    () => 0,
    (error: unknown) => (error instanceof SubmitsSpent ? error.afterMs : Promise.reject(error)),
  );

describe('a job that waits alone', () => {
  const turns = async (owner: Owner) => [
    (await world.prisma.user.findUniqueOrThrow({ where: { id: owner.ownerId } })).turn,
    (await world.prisma.falBudget.findUniqueOrThrow({ where: { id: 1 } })).turn,
  ];
  const alone = async (limits: Partial<FalLimits> = {}) => {
    const job = await world.prisma.job.findFirstOrThrow({ where: { admittedAt: null } });
    return await admitIfAlone(parts(limits), job);
  };

  test('has the turn that it would have in the line, and its owner’s next is as far off', async () => {
    const [one, other] = [await newOwner(4), await newOwner(4)];
    for (const [owner, admit] of [
      [one, () => admitWaiting(parts({}))],
      [other, () => alone()],
    ] as const) {
      await world.prisma.falBudget.update({ where: { id: 1 }, data: { turn: 2 } });
      await wait(owner);
      await admit();
      await wait(owner);
      await admit();
    }
    expect(await turns(other)).toEqual(await turns(one));
    expect(await turns(other)).toEqual([2.5, 2.25]);
    expect(await admitted()).toBe(4);
  });

  test('has none beside another that waits, where fal has no room, and where no submit is left', async () => {
    const owner = await newOwner();
    await wait(owner, 2);
    expect(await alone()).toBeNull();
    await admitWaiting(parts({ jobsAtOnce: 1 }));
    expect(await alone({ jobsAtOnce: 1 })).toBeNull();
    expect(await alone({ submitsPerMinute: 1 })).toBeNull();
    await world.prisma.$transaction((tx) => pauseSubmits(tx, parts({}), minuteMs));
    expect(await alone()).toBeNull();
    pass(minuteMs + 1);
    expect(await alone({ jobsAtOnce: 2, submitsPerMinute: 2 })).toEqual(now());
  });
});

describe('whose turn it is', () => {
  test('owner by owner, each one’s own in order', async () => {
    const [a, b] = [await newOwner(), await newOwner()];
    const [a1, a2, a3] = await wait(a, 3);
    const [b1, b2] = await wait(b, 2);
    expect(await serve(5)).toEqual([a1, b1, a2, b2, a3]);
  });

  test('generations before trainings within an owner, and only there', async () => {
    const [a, b] = [await newOwner(), await newOwner()];
    const training = await waitForTraining(a);
    const [drawing] = await wait(a);
    const other = await waitForTraining(b);
    expect(await serve(3)).toEqual([drawing, other, training]);
  });

  test('an owner of weight 3 has three turns a round', async () => {
    const [a, b] = [await newOwner(3), await newOwner()];
    const heavy = await wait(a, 9);
    await wait(b, 9);
    const served = await serve(12);
    expect(served.filter((id) => heavy.includes(id))).toHaveLength(9);
    for (const end of [4, 8, 12]) {
      expect(served.slice(end - 4, end).filter((id) => heavy.includes(id)).length).toBe(3);
    }
  });

  test('whoever comes with one job waits for one round of the others at most, also when they have waited for long', async () => {
    const crowd = [await newOwner(), await newOwner(), await newOwner()];
    for (const owner of crowd) await wait(owner, 20);
    await serve(30);
    const [late] = await wait(await newOwner());
    expect((await serve(4)).indexOf(String(late))).toBeGreaterThanOrEqual(0);
  });

  test('coming with one job at a time, again and again, wins nothing', async () => {
    const [patient, pushing] = [await newOwner(), await newOwner()];
    await wait(patient, 10);
    const won: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      const [own] = await wait(pushing);
      won.push(...(await serve(2)).filter((id) => id === own));
    }
    expect(won.length).toBe(5);
    expect(await admitted()).toBe(10);
  });

  test('an owner who was away has no turns saved up', async () => {
    const [away, present] = [await newOwner(), await newOwner()];
    await wait(present, 20);
    await serve(15);
    const back = await wait(away, 5);
    expect((await serve(6)).filter((id) => back.includes(id)).length).toBe(3);
  });

  test('a hundred jobs of five owners: one with half of them delays nobody by more than a round', async () => {
    // One round: each other owner at most once.
    expect(await longestWait(5)).toBeLessThanOrEqual(5);
  });
});

describe('how many', () => {
  test('so many at once, and one more for each that is done', async () => {
    await wait(await newOwner(), 5);
    await admitWaiting(parts({ jobsAtOnce: 2 }));
    await admitWaiting(parts({ jobsAtOnce: 2 }));
    expect(await admitted()).toBe(2);
    const first = await world.prisma.job.findFirstOrThrow({ where: { admittedAt: { not: null } } });
    await world.prisma.job.update({
      where: { id: first.id },
      data: { status: 'CANCELLED', finishedAt: now() },
    });
    await admitWaiting(parts({ jobsAtOnce: 2 }));
    expect(await admitted()).toBe(3);
  });

  test('a job whose files are being copied is at fal no more', async () => {
    const [id] = await wait(await newOwner(), 2);
    await admitWaiting(parts({ jobsAtOnce: 1 }));
    await world.move({ id: String(id) }, 'IN_QUEUE', 'FINALIZING');
    await admitWaiting(parts({ jobsAtOnce: 1 }));
    expect(await admitted()).toBe(2);
  });

  test('each that is admitted has its step, once, and a job that was cancelled in line gets no turn', async () => {
    const [gone, ...others] = await wait(await newOwner(), 3);
    await world.prisma.job.update({
      where: { id: String(gone) },
      data: { status: 'CANCELLED', finishedAt: now() },
    });
    await Promise.all([1, 2, 3].map(() => admitWaiting(parts({}))));
    expect((await world.app.steps.lease(10)).map(({ jobId }) => jobId).sort()).toEqual(others.sort());
  });

  test('in any minute no more submits than are allowed, and what is admitted and not sent counts', async () => {
    await wait(await newOwner(), 5);
    await admitWaiting(parts({ submitsPerMinute: 3 }));
    expect(await admitted()).toBe(3);
    for (let n = 0; n < 3; n += 1) {
      expect(await tryTake({ submitsPerMinute: 3 })).toBe(0);
      pass(1_000);
    }
    expect(await tryTake({ submitsPerMinute: 3 })).toBe(minuteMs - 3_000);
    pass(minuteMs - 3_000);
    expect(await tryTake({ submitsPerMinute: 3 })).toBe(0);
    expect(await tryTake({ submitsPerMinute: 3 })).toBe(1_000);
  });

  test('a clock that is set back stops nobody', async () => {
    expect(await tryTake({ submitsPerMinute: 1 })).toBe(0);
    pass(-60 * minuteMs);
    expect(await tryTake({ submitsPerMinute: 1 })).toBe(0);
  });

  test('fal had too many: nothing is sent or admitted until the pause is over, and a shorter pause does not end it', async () => {
    await wait(await newOwner());
    await world.prisma.$transaction((tx) => pauseSubmits(tx, parts({}), 5_000));
    await world.prisma.$transaction((tx) => pauseSubmits(tx, parts({}), 1_000));
    await admitWaiting(parts({}));
    expect([await tryTake({}), await admitted()]).toEqual([5_000, 0]);
    pass(5_000);
    await admitWaiting(parts({}));
    expect([await tryTake({}), await admitted()]).toEqual([0, 1]);
  });
});

describe('what a waiting job is told', () => {
  const positions = async (owner: Pick<User, 'id'>) => {
    const jobs = await world.prisma.job.findMany({ where: { ownerId: owner.id }, orderBy: { id: 'asc' } });
    return jobs.map(({ queuePosition }) => queuePosition);
  };
  const told = async (jobId: string | undefined) => {
    const events = await world.prisma.jobEvent.findMany({
      where: { jobId: String(jobId) },
      orderBy: { sequence: 'asc' },
    });
    return events.map(({ sequence, type, payload }) => [sequence, type, payload]);
  };

  test('its place in the order in which they go, and each move; its turn takes the place away', async () => {
    const [a, b] = [await newOwner(), await newOwner()];
    const [first, second, third] = await wait(a, 3);
    const [other] = await wait(b);
    await publishPositions(parts({}));
    expect([await positions({ id: a.ownerId }), await positions({ id: b.ownerId })]).toEqual([[0, 2, 3], [1]]);
    expect(await serve(1)).toEqual([first]);
    pass(1_000);
    await publishPositions(parts({}));
    await publishPositions(parts({}));
    expect(await told(third)).toEqual([
      [1, 'QUEUE_MOVED', { position: 3 }],
      [2, 'QUEUE_MOVED', { position: 2 }],
    ]);
    expect(await told(other)).toEqual([
      [1, 'QUEUE_MOVED', { position: 1 }],
      [2, 'QUEUE_MOVED', { position: 0 }],
    ]);
    expect(await positions({ id: a.ownerId })).toEqual([null, 1, 2]);
    const { lastSequence } = await world.prisma.job.findUniqueOrThrow({ where: { id: String(second) } });
    expect(lastSequence).toBe((await told(second)).length);
  });

  test('far back in a long line, only what is a twentieth of the way', async () => {
    const ids = await wait(await newOwner(), 70);
    await publishPositions(parts({}));
    await serve(2);
    pass(1_000);
    await publishPositions(parts({}));
    expect((await told(ids[22])).length).toBe(2);
    expect(await told(ids[69])).toEqual([[1, 'QUEUE_MOVED', { position: 69 }]]);
    await serve(2);
    pass(1_000);
    await publishPositions(parts({}));
    expect((await told(ids[69])).at(-1)).toEqual([2, 'QUEUE_MOVED', { position: 65 }]);
  });

  test('two who tell at once tell each move once', async () => {
    const [id] = await wait(await newOwner());
    await Promise.all([1, 2, 3].map(() => publishPositions(parts({}))));
    expect((await told(id)).length).toBe(1);
  });
});
