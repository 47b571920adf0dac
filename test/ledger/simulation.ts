/** Runs random operations for a few owners, and records the outcome of each and everything that went wrong. */
import { randomUUID } from 'node:crypto';
import { ClaimLost } from '../../src/job/runner/commit-step.ts';
import { spentToday } from '../../src/ledger/account.ts';
import { Refusal } from '../../src/refusal/refusal.ts';
import { addAvatar, type Command, claimForEnd, commandOf, endJob, type Owner } from './commands.ts';
import { Crash, withFault } from './crash.ts';
import type { LedgerServer } from './open-server.ts';
import type { Operation } from './operations.ts';

/** DONE: committed. NOTHING: rolled back. UNKNOWN: the connection was killed, so either is possible. */
type End = 'DONE' | 'NOTHING' | 'UNKNOWN';
type Outcome = { end: End; refusal?: string };
type Attempts = { ownerId: string; tenths: number; isStart: boolean; ends: End[] };

export class Simulation {
  readonly owners: Owner[] = [];
  /** By the owner's id and the name of the row. */
  readonly attempts = new Map<string, Attempts>();
  /** How often each outcome occurred. */
  readonly outcomes = new Map<string, number>();
  /** Deadlocks, unexpected errors, and wrong refusals. */
  readonly problems: string[] = [];
  readonly server: LedgerServer;
  readonly #running = new Map<number, string[]>();
  #count = 0;

  constructor(server: LedgerServer) {
    this.server = server;
  }

  async begin(owners: number): Promise<void> {
    const app = this.server.partsOn(this.server.prisma);
    for (let n = 0; n < owners; n += 1) {
      const { id } = await app.prisma.user.create({ data: { id: randomUUID() } });
      const owner: Owner = { id, avatars: [], highestBudget: Infinity };
      this.owners.push(owner);
      for (let made = 0; made < 3; made += 1) await addAvatar(app, owner, made);
    }
  }

  /** Runs `lanes` operations at once. */
  async runAll(operations: Operation[], isBusy: boolean): Promise<void> {
    const left = operations.values();
    const lane = async () => {
      for (const operation of left) await this.#run(operation, isBusy ? 0 : operation.owner);
    };
    await Promise.all(Array.from({ length: this.server.lanes }, lane));
    await this.#replaceKilledConnections();
  }

  /** Uses every connection of the pool until all work: the pool notices a killed connection only when it is used. */
  async #replaceKilledConnections(): Promise<void> {
    const { prisma, lanes } = this.server;
    for (let isWhole = false; !isWhole; ) {
      const results = await Promise.allSettled(Array.from({ length: 2 * lanes }, () => prisma.$queryRaw`SELECT 1`));
      isWhole = results.every(({ status }) => status === 'fulfilled');
    }
  }

  /** Ends every job that has not ended, one after another. */
  async endAll(): Promise<void> {
    const { prisma, clock, partsOn } = this.server;
    const unfinished = { ownerId: { in: this.owners.map(({ id }) => id) }, finishedAt: null };
    for (const [n, { id }] of (await prisma.job.findMany({ where: unfinished })).entries()) {
      const claim = await claimForEnd(prisma, id, clock);
      if (claim === undefined) this.problems.push(`${id} cannot be ended`);
      else await endJob(partsOn(prisma, n % 5), claim, n % 4 === 3 ? 'fail' : 'finish', n % 5);
    }
  }

  async #run(operation: Operation, ownerIndex: number): Promise<void> {
    const { prisma, clock, kill, partsOn, lanes } = this.server;
    const owner = this.owners[ownerIndex % this.owners.length] as Owner;
    const number = (this.#count += 1);
    const attempt = withFault(prisma, operation.fault ?? undefined, kill);
    this.#running.set(number, attempt.statements);
    const report = (problem: string) => this.problems.push(`${number} ${operation.kind}: ${problem}`);
    let outcome: Outcome = { end: 'DONE' };
    try {
      const command = await commandOf(prisma, clock, owner, operation, number);
      if (command === undefined) return;
      const expected = lanes === 1 ? await this.#expectedRefusal(command, owner, operation) : undefined;
      const parts = partsOn(attempt.prisma, operation.delivered);
      const metering = { ...parts.metering, isOn: !operation.free };
      outcome = await command.run({ ...parts, metering }).then(
        () => ({ end: 'DONE' as const }),
        (error: unknown) => this.#outcomeOf(error, attempt.wasKilled(), report),
      );
      this.#record(command, owner, outcome);
      const isAboutCredits = ['InsufficientCreditsError', 'LimitReachedError'].includes(outcome.refusal ?? '');
      if (expected !== undefined && (outcome.end === 'DONE' || isAboutCredits) && (outcome.refusal ?? '') !== expected)
        report(`${outcome.refusal ?? 'done'}, expected ${expected || 'done'}`);
    } catch (error) {
      if (!isLostConnection(error)) report(`failed before it began: ${String(error)}`);
    } finally {
      this.#running.delete(number);
      const label = `${operation.kind} ${outcome.refusal ?? outcome.end}`;
      this.outcomes.set(label, (this.outcomes.get(label) ?? 0) + 1);
    }
  }

  /** When nothing else runs: the refusal that a start gets because of its price, or '' for none. */
  async #expectedRefusal({ row: named }: Command, owner: Owner, { free }: Operation): Promise<string | undefined> {
    if (named?.isStart !== true) return undefined;
    if (this.attempts.get(`${owner.id} ${named.name}`)?.ends.includes('DONE') === true) return undefined;
    const row = await this.server.prisma.user.findUniqueOrThrow({ where: { id: owner.id } });
    if (!free && row.balanceTenths < named.tenths) return 'InsufficientCreditsError';
    const spent = spentToday(row, new Date(this.server.clock.ms));
    return spent + named.tenths > (row.dailyBudgetTenths ?? Infinity) ? 'LimitReachedError' : '';
  }

  #outcomeOf(error: unknown, wasKilled: boolean, report: (problem: string) => void): Outcome {
    const { code, meta } = (error ?? {}) as { code?: string; meta?: unknown };
    if (code === 'P2034' || /40P01|deadlock/i.test(`${String(error)} ${JSON.stringify(meta ?? '')}`)) {
      const others = [...this.#running.values()].map((statements) => statements.join('\n    '));
      report(`DEADLOCK ${String(error)}; running were\n  ${others.join('\n  ')}`);
      return { end: 'NOTHING' };
    }
    if (error instanceof Crash) return { end: error.isCommitted ? 'DONE' : 'NOTHING' };
    if (error instanceof Refusal || error instanceof ClaimLost) return { end: 'NOTHING', refusal: error.name };
    if (!wasKilled && !isLostConnection(error))
      report(`unexpected: ${error instanceof Error ? error.stack : String(error)}`);
    return { end: 'UNKNOWN' };
  }

  #record({ row: named }: Command, { id: ownerId }: Owner, { end }: Outcome): void {
    if (named === undefined) return;
    const { name, tenths, isStart } = named;
    const key = `${ownerId} ${name}`;
    const attempts = this.attempts.get(key) ?? { ownerId, tenths, isStart, ends: [] };
    this.attempts.set(key, { ...attempts, ends: [...attempts.ends, end] });
  }
}

/** Also true for an operation that gets a killed connection from the pool. */
const isLostConnection = (error: unknown) =>
  error instanceof Error && /closed the connection|Connection terminated/i.test(error.message);
