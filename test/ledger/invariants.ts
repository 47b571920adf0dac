/** What the rows of some owners must say, whatever has happened to them. */
import type { Job, LedgerEntry, User } from '../../prisma/generated/client/client.ts';
import type { World } from './world.ts';

/** In tenths, for one image or one training: as the README promises, and not as src/ has it. */
const unitTenths: Record<string, number> = {
  'fal-ai/flux-lora': 50,
  'fal-ai/flux-pro/finetuned': 50,
  'fal-ai/flux-pro/v1.1-ultra-finetuned': 75,
  'fal-ai/flux-lora-portrait-trainer': 1500,
  'fal-ai/flux-pro-trainer': 1500,
};

type Entry = Pick<LedgerEntry, 'account' | 'tenths' | 'kind' | 'jobId'>;
const sum = (entries: Entry[], account: string) =>
  entries.filter((entry) => entry.account === account).reduce((all, { tenths }) => all + tenths, 0);

/** With `jobs`, those are the owners' jobs, also if they are gone from the database by now. */
export async function wrongIn(world: World, given?: Job[]): Promise<{ wrong: string[]; jobs: Job[] }> {
  const { prisma } = world.opened;
  const wrong: string[] = [];
  const ownerId = { in: world.owners.map(({ id }) => id) };
  const jobs = given ?? (await prisma.job.findMany({ where: { ownerId } }));
  const entries = await prisma.ledgerEntry.findMany({ where: { ownerId } });
  const owners = await prisma.user.findMany({ where: { id: ownerId } });

  for (const [id, sides] of grouped(entries, ({ movementId }) => movementId)) {
    const total = sides.reduce((all, { tenths }) => all + tenths, 0);
    if (sides.length !== 2 || total !== 0) wrong.push(`movement ${id} has ${sides.length} rows that sum to ${total}`);
  }
  const ofJobs = grouped(entries, ({ jobId }) => jobId ?? '');
  for (const job of jobs) wrong.push(...wrongInJob(job, ofJobs.get(job.id) ?? []));
  const known = new Set(jobs.map(({ id }) => id));
  for (const id of ofJobs.keys()) if (id !== '' && !known.has(id)) wrong.push(`entries of no job ${id}`);
  for (const owner of owners) {
    const own = jobs.filter((job) => job.ownerId === owner.id);
    const theirs = entries.filter((entry) => entry.ownerId === owner.id);
    wrong.push(...wrongInOwner(owner, own, theirs), ...wrongInNames(world, owner, own, theirs));
  }
  return { wrong, jobs };
}

function wrongInJob(job: Job, entries: Entry[]): string[] {
  const told = `job ${job.id} (${job.endpoint}, ${job.units} units, ${job.status})`;
  const unit = unitTenths[job.endpoint] ?? NaN;
  const delivered = job.kind === 'TRAINING' ? 1 : Math.min(Number(job.seed), job.units);
  const paid = job.status === 'SUCCEEDED' ? delivered * unit : 0;
  const price = unit * job.units;
  const hasEnded = job.finishedAt !== null;
  const expected = { RESERVED: hasEnded ? 0 : price, EARNED: paid, AVAILABLE: hasEnded ? -paid : -price, ISSUED: 0 };
  const wrong: string[] = [];
  if (job.priceTenths !== price) wrong.push(`${told} has the price ${job.priceTenths}, not ${price}`);
  if (job.paidTenths !== (hasEnded ? paid : null)) wrong.push(`${told} paid ${job.paidTenths}, not ${paid}`);
  for (const [account, tenths] of Object.entries(job.isMetered ? expected : {})) {
    const found = sum(entries, account);
    if (found !== tenths) wrong.push(`${told} has ${found} in ${account}, not ${tenths}`);
  }
  if (!job.isMetered && entries.length > 0) wrong.push(`${told} is not metered and has entries`);
  return wrong;
}

function wrongInOwner(owner: User, jobs: Job[], entries: Entry[]): string[] {
  const wrong: string[] = [];
  const is = (what: string, found: number, expected: number) => {
    if (found !== expected) wrong.push(`${owner.id}: ${what} is ${found}, not ${expected}`);
  };
  is('the balance', owner.balanceTenths, sum(entries, 'AVAILABLE'));
  is('the reserved', owner.reservedTenths, sum(entries, 'RESERVED'));
  if (owner.balanceTenths < 0 || owner.reservedTenths < 0) wrong.push(`${owner.id} owes`);
  const metered = jobs.filter(({ isMetered }) => isMetered);
  const unfinished = metered.filter(({ finishedAt }) => finishedAt === null);
  is(
    'the reserved, by jobs,',
    owner.reservedTenths,
    total(unfinished, ({ priceTenths }) => priceTenths),
  );
  is(
    'the earned',
    sum(entries, 'EARNED'),
    total(metered, ({ paidTenths }) => paidTenths ?? 0),
  );
  const day = (at: Date) => at.toISOString().slice(0, 10);
  const thatDay = jobs.filter(({ createdAt }) => owner.spentOn !== null && day(createdAt) === day(owner.spentOn));
  const spent = total(thatDay, ({ paidTenths, priceTenths }) => paidTenths ?? priceTenths);
  is('what was spent that day', owner.spentTenths, spent);
  const last = jobs.map(({ createdAt }) => day(createdAt)).sort();
  if (last.length > 0 && last.at(-1) !== (owner.spentOn && day(owner.spentOn)))
    wrong.push(`${owner.id} counts the day ${String(owner.spentOn)}, and the last job is of ${last.at(-1)}`);
  return wrong;
}

/** What was done is there once, what was rolled back or refused is not, and nothing else is there. */
function wrongInNames({ tried, owners }: World, owner: User, jobs: Job[], entries: LedgerEntry[]): string[] {
  const wrong: string[] = [];
  const granted = entries.filter(({ account, reason }) => account === 'AVAILABLE' && reason !== null);
  const names = [
    ...granted.map(({ reason, tenths }) => ({ name: reason, tenths })),
    ...jobs
      .filter(({ retryOfId }) => retryOfId === null)
      .map(({ prompt, datasetUrl, priceTenths }) => ({ name: prompt ?? datasetUrl, tenths: priceTenths })),
  ];
  const found = grouped(names, ({ name }) => `${owner.id} ${name}`);
  for (const [key, { ownerId, tenths, ends }] of tried) {
    if (ownerId !== owner.id) continue;
    const rows = found.get(key) ?? [];
    found.delete(key);
    const least = ends.includes('DONE') ? 1 : 0;
    const most = ends.every((end) => end === 'NOTHING') ? 0 : 1;
    if (rows.length < least || rows.length > most)
      wrong.push(`${key} is there ${rows.length} times after ${ends.join()}`);
    if (rows.some((row) => row.tenths !== tenths)) wrong.push(`${key} moved ${rows[0]?.tenths}, not ${tenths}`);
  }
  for (const key of found.keys()) wrong.push(`nobody asked for ${key}`);
  const issued = sum(entries, 'ISSUED');
  const given = total(granted, ({ tenths }) => tenths);
  if (issued !== -given) wrong.push(`${owner.id}: ${issued} is issued, and ${given} given`);
  const { highestBudget = Infinity } = owners.find(({ id }) => id === owner.id) ?? {};
  if (owner.spentTenths > highestBudget) wrong.push(`${owner.id} spent ${owner.spentTenths} of ${highestBudget}`);
  return wrong;
}

const total = <Row>(rows: Row[], of: (row: Row) => number) => rows.reduce((all, row) => all + of(row), 0);

function grouped<Row>(rows: Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}
