/** What holds after every schedule, whatever happened in it: reliability's invariants, one by one. */
import type { Database } from '../../src/database/client.ts';
import { isTerminal } from '../../src/events/payload.ts';
import { moves } from '../../src/job/state.ts';
import { priceTenths } from '../../src/ledger/prices.ts';
import { hashOf, picturesOf } from './task.ts';
import { grantedTenths, type Plan, type World } from './world.ts';

export async function broken(world: World, plan: Plan, prisma: Database): Promise<string[]> {
  const wrong: string[] = [];
  const ownerIds = world.owners.map(({ id }) => id);
  const jobs = await prisma.job.findMany({
    where: { ownerId: { in: ownerIds } },
    include: { events: { orderBy: { sequence: 'asc' } }, images: { orderBy: { position: 'asc' } } },
  });
  // I1: what was answered is there, and everything that is there has ended, once.
  for (const { jobId, tag } of world.started) {
    if (!jobs.some(({ id }) => id === jobId)) wrong.push(`I1: ${tag} is lost`);
  }
  if (jobs.length !== new Set(world.started.map(({ jobId }) => jobId)).size) wrong.push('I1: a job nobody was told of');
  const isCalm = plan.crashes === 0 && plan.expiries === 0;
  for (const { id, status, ownerId, prompt, events, images, errorCode, lastSequence, requestId } of jobs) {
    const told = `${prompt} (${status} ${errorCode ?? ''})`;
    if (moves[status].length > 0) wrong.push(`I1: ${told} has not ended`);
    if (events.filter(({ type }) => isTerminal(type)).length !== 1) wrong.push(`I1: ${told} has not one end`);
    if (events.at(-1)?.type !== status) wrong.push(`I1: ${told} ends with ${events.at(-1)?.type}`);
    if (errorCode === 'INTERNAL') wrong.push(`I1: ${told} failed by a fault of ours`);
    const own = world.fal.requests.filter(({ tag }) => tag === prompt);
    const job = plan.jobs[Number(prompt?.split(' ')[1])];
    const isPlain =
      isCalm && job?.submits.every((fate) => fate === 'ACCEPTED') && !job.cancel && plan.ticks.length === 0;
    if (isPlain && status !== 'SUCCEEDED') wrong.push(`I1: nothing stood in the way of ${told}`);
    // I2
    if (own.length > 1) wrong.push(`I2: fal accepted ${told} ${own.length} times`);
    if (requestId !== null && own[0]?.id !== requestId) wrong.push(`I2: ${told} has another's request`);
    // I3
    const told3 = events.map(({ type }) => type).filter((type) => type !== 'QUEUE_MOVED' && type !== 'LOGGED');
    const order = ['QUEUED', 'SUBMITTED', 'STARTED', 'PROGRESSED', 'FINALIZING', status];
    const places = told3.map((type) => order.indexOf(type));
    if (places.some((place, n) => place < (places[n - 1] ?? 0))) wrong.push(`I3: ${told} went ${told3.join(' ')}`);
    // I4
    const drawn = status === 'SUCCEEDED' && own[0] ? picturesOf(own[0].id, own[0].tag) : [];
    if (JSON.stringify(images.map(({ fileHash }) => fileHash)) !== JSON.stringify(drawn.map(hashOf))) {
      wrong.push(`I4: ${told} keeps ${images.length} pictures, not those that fal drew`);
    }
    for (const bytes of drawn)
      if (world.store.files.get(hashOf(bytes)) !== bytes) wrong.push(`I4: ${told} lacks a file`);
    // I5
    const whole = events.map(({ sequence }) => sequence);
    if (whole.some((sequence, n) => sequence !== n + 1) || lastSequence !== whole.length) {
      wrong.push(`I5: ${told} is numbered ${whole.join(' ')}`);
    }
    for (const { jobId, sequences } of world.followed) {
      if (jobId === id && String(sequences) !== String(whole))
        wrong.push(`I5: ${told} was seen as ${sequences.join(' ')}`);
    }
    // I8
    const stranger = world.owners.find((owner) => owner.id !== ownerId)?.canary ?? '';
    const seen = world.followed.filter(({ jobId }) => jobId === id).flatMap(({ payloads }) => payloads);
    const shown = [
      ...seen,
      JSON.stringify(events),
      ...images.map(({ fileHash }) => world.store.files.get(fileHash) ?? ''),
    ];
    if (shown.some((text) => text.includes(stranger))) wrong.push(`I8: ${told} shows another owner's`);
    if (images.some((image) => image.ownerId !== ownerId)) wrong.push(`I8: ${told} has a picture of another owner's`);
  }
  // I7: an owner has what they were granted less the price of what was delivered, and nothing is held.
  for (const { id } of world.owners) {
    const { balanceTenths, reservedTenths } = await prisma.user.findUniqueOrThrow({ where: { id } });
    const own = jobs.filter(({ ownerId }) => ownerId === id);
    const delivered = own.filter(({ status }) => status === 'SUCCEEDED');
    const price = delivered.reduce((sum, { images }) => sum + images.length * priceTenths('fal-ai/flux-lora', 1), 0);
    const paid = own.reduce((sum, { paidTenths }) => sum + (paidTenths ?? 0), 0);
    if (paid !== price) wrong.push(`I7: ${price} was delivered and ${paid} paid`);
    if (balanceTenths !== grantedTenths - price)
      wrong.push(`I7: ${balanceTenths} is left after ${price} was delivered`);
    if (reservedTenths !== 0) wrong.push(`I7: ${reservedTenths} is still held`);
  }
  return wrong;
}
