/** What must be true of the rows of some owners after any sequence of operations. */
import type { Job, LedgerEntry, User } from '../../prisma/generated/client/client.ts';
import type { Simulation } from './simulation.ts';

/** The price of one image or training in tenths of a credit, as documented, not as in src/. */
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

/** Pass `knownJobs` when jobs have been purged from the database. */
export async function findViolations(
  simulation: Simulation,
  knownJobs?: Job[],
): Promise<{ violations: string[]; jobs: Job[] }> {
  const { prisma } = simulation.server;
  const violations: string[] = [];
  const ownerId = { in: simulation.owners.map(({ id }) => id) };
  const jobs = knownJobs ?? (await prisma.job.findMany({ where: { ownerId } }));
  const entries = await prisma.ledgerEntry.findMany({ where: { ownerId } });
  const owners = await prisma.user.findMany({ where: { id: ownerId } });

  for (const [id, sides] of grouped(entries, ({ movementId }) => movementId)) {
    const total = sides.reduce((all, { tenths }) => all + tenths, 0);
    if (sides.length !== 2 || total !== 0)
      violations.push(`movement ${id} has ${sides.length} rows that sum to ${total}`);
  }
  const ofJobs = grouped(entries, ({ jobId }) => jobId ?? '');
  for (const job of jobs) violations.push(...violationsOfJob(job, ofJobs.get(job.id) ?? []));
  const known = new Set(jobs.map(({ id }) => id));
  for (const id of ofJobs.keys()) if (id !== '' && !known.has(id)) violations.push(`entries of no job ${id}`);
  for (const owner of owners) {
    const own = jobs.filter((job) => job.ownerId === owner.id);
    const theirs = entries.filter((entry) => entry.ownerId === owner.id);
    violations.push(...violationsOfOwner(owner, own, theirs), ...violationsOfAttempts(simulation, owner, own, theirs));
  }
  return { violations, jobs };
}

function violationsOfJob(job: Job, entries: Entry[]): string[] {
  const label = `job ${job.id} (${job.endpoint}, ${job.units} units, ${job.status})`;
  const unit = unitTenths[job.endpoint] ?? NaN;
  const delivered = job.kind === 'TRAINING' ? 1 : Math.min(Number(job.seed), job.units);
  const paid = job.status === 'SUCCEEDED' ? delivered * unit : 0;
  const price = unit * job.units;
  const hasEnded = job.finishedAt !== null;
  const expected = { RESERVED: hasEnded ? 0 : price, EARNED: paid, AVAILABLE: hasEnded ? -paid : -price, ISSUED: 0 };
  const violations: string[] = [];
  if (job.priceTenths !== price) violations.push(`${label} has the price ${job.priceTenths}, not ${price}`);
  if (job.paidTenths !== (hasEnded ? paid : null)) violations.push(`${label} paid ${job.paidTenths}, not ${paid}`);
  for (const [account, tenths] of Object.entries(job.isMetered ? expected : {})) {
    const found = sum(entries, account);
    if (found !== tenths) violations.push(`${label} has ${found} in ${account}, not ${tenths}`);
  }
  if (!job.isMetered && entries.length > 0) violations.push(`${label} is not metered and has entries`);
  return violations;
}

function violationsOfOwner(owner: User, jobs: Job[], entries: Entry[]): string[] {
  const violations: string[] = [];
  const expectEqual = (what: string, found: number, expected: number) => {
    if (found !== expected) violations.push(`${owner.id}: ${what} is ${found}, not ${expected}`);
  };
  expectEqual('the balance', owner.balanceTenths, sum(entries, 'AVAILABLE'));
  expectEqual('the reserved amount', owner.reservedTenths, sum(entries, 'RESERVED'));
  if (owner.balanceTenths < 0 || owner.reservedTenths < 0) violations.push(`${owner.id} has a negative amount`);
  const metered = jobs.filter(({ isMetered }) => isMetered);
  const unfinished = metered.filter(({ finishedAt }) => finishedAt === null);
  expectEqual(
    'the reserved amount, by jobs,',
    owner.reservedTenths,
    total(unfinished, ({ priceTenths }) => priceTenths),
  );
  expectEqual(
    'the earned amount',
    sum(entries, 'EARNED'),
    total(metered, ({ paidTenths }) => paidTenths ?? 0),
  );
  const day = (at: Date) => at.toISOString().slice(0, 10);
  const thatDay = jobs.filter(({ createdAt }) => owner.spentOn !== null && day(createdAt) === day(owner.spentOn));
  const spent = total(thatDay, ({ paidTenths, priceTenths }) => paidTenths ?? priceTenths);
  expectEqual('the amount spent that day', owner.spentTenths, spent);
  const last = jobs.map(({ createdAt }) => day(createdAt)).sort();
  if (last.length > 0 && last.at(-1) !== (owner.spentOn && day(owner.spentOn)))
    violations.push(`${owner.id} has the spending day ${String(owner.spentOn)}, but the last job is of ${last.at(-1)}`);
  return violations;
}

/** Each committed operation has one row, each rolled back or refused one has none, and there are no other rows. */
function violationsOfAttempts(
  { attempts, owners }: Simulation,
  owner: User,
  jobs: Job[],
  entries: LedgerEntry[],
): string[] {
  const violations: string[] = [];
  const granted = entries.filter(({ account, reason }) => account === 'AVAILABLE' && reason !== null);
  const names = [
    ...granted.map(({ reason, tenths }) => ({ name: reason, tenths })),
    ...jobs
      .filter(({ retryOfId }) => retryOfId === null)
      .map(({ prompt, datasetUrl, priceTenths }) => ({ name: prompt ?? datasetUrl, tenths: priceTenths })),
  ];
  const found = grouped(names, ({ name }) => `${owner.id} ${name}`);
  for (const [key, { ownerId, tenths, ends }] of attempts) {
    if (ownerId !== owner.id) continue;
    const rows = found.get(key) ?? [];
    found.delete(key);
    const least = ends.includes('DONE') ? 1 : 0;
    const most = ends.every((end) => end === 'NOTHING') ? 0 : 1;
    if (rows.length < least || rows.length > most)
      violations.push(`${key} has ${rows.length} rows after ${ends.join()}`);
    if (rows.some((row) => row.tenths !== tenths)) violations.push(`${key} moved ${rows[0]?.tenths}, not ${tenths}`);
  }
  for (const key of found.keys()) violations.push(`no operation requested ${key}`);
  const issued = sum(entries, 'ISSUED');
  const given = total(granted, ({ tenths }) => tenths);
  if (issued !== -given) violations.push(`${owner.id}: ${issued} is issued, but ${given} granted`);
  const { highestBudget = Infinity } = owners.find(({ id }) => id === owner.id) ?? {};
  if (owner.spentTenths > highestBudget) violations.push(`${owner.id} spent ${owner.spentTenths} of ${highestBudget}`);
  return violations;
}

const total = <Row>(rows: Row[], of: (row: Row) => number) => rows.reduce((all, row) => all + of(row), 0);

function grouped<Row>(rows: Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}
