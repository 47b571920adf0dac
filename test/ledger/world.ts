/** Owners and what happens to them: what came of each operation, and what must never come of one. */
import { randomUUID } from 'node:crypto';
import { ClaimLost } from '../../src/job/runner/commit-step.ts';
import { spentToday } from '../../src/ledger/account.ts';
import { Refusal } from '../../src/refusal/refusal.ts';
import { type Act, actOf, addAvatar, claimOf, endOf, type Owner } from './acts.ts';
import { Crash, traced } from './crash.ts';
import type { Opened } from './opened.ts';
import type { Operation } from './operations.ts';

/** DONE is committed, NOTHING rolled back, and of a connection that was killed nobody knows. */
type End = 'DONE' | 'NOTHING' | 'UNKNOWN';
type Outcome = { end: End; refusal?: string };
type Tried = { ownerId: string; tenths: number; isStart: boolean; ends: End[] };

export class World {
  readonly owners: Owner[] = [];
  /** By the owner's id and the name that the rows carry. */
  readonly tried = new Map<string, Tried>();
  /** How often each came. */
  readonly outcomes = new Map<string, number>();
  /** Deadlocks, errors that nobody has foreseen, and refusals that came when they should not. */
  readonly wrong: string[] = [];
  readonly opened: Opened;
  readonly #underWay = new Map<number, string[]>();
  #count = 0;

  constructor(opened: Opened) {
    this.opened = opened;
  }

  async begin(owners: number): Promise<void> {
    const app = this.opened.partsOn(this.opened.prisma);
    for (let n = 0; n < owners; n += 1) {
      const { id } = await app.prisma.user.create({ data: { id: randomUUID() } });
      const owner: Owner = { id, avatars: [], highestBudget: Infinity };
      this.owners.push(owner);
      for (let made = 0; made < 3; made += 1) await addAvatar(app, owner, made);
    }
  }

  /** So many operations at once as there are lanes. */
  async runAll(operations: Operation[], isBusy: boolean): Promise<void> {
    const left = operations.values();
    const lane = async () => {
      for (const operation of left) await this.#run(operation, isBusy ? 0 : operation.owner);
    };
    await Promise.all(Array.from({ length: this.opened.lanes }, lane));
    await this.#letGoOfTheKilled();
  }

  /** A connection that was killed is found out when it is used. */
  async #letGoOfTheKilled(): Promise<void> {
    const { prisma, lanes } = this.opened;
    for (let isWhole = false; !isWhole; ) {
      const asked = await Promise.allSettled(Array.from({ length: 2 * lanes }, () => prisma.$queryRaw`SELECT 1`));
      isWhole = asked.every(({ status }) => status === 'fulfilled');
    }
  }

  /** Ends every job that has not ended, one after another. */
  async endAll(): Promise<void> {
    const { prisma, clock, partsOn } = this.opened;
    const unfinished = { ownerId: { in: this.owners.map(({ id }) => id) }, finishedAt: null };
    for (const [n, { id }] of (await prisma.job.findMany({ where: unfinished })).entries()) {
      const claim = await claimOf(prisma, id, clock);
      if (claim === undefined) this.wrong.push(`${id} can not be ended`);
      else await endOf(partsOn(prisma, n % 5), claim, n % 4 === 3 ? 'fail' : 'finish', n % 5);
    }
  }

  async #run(operation: Operation, ownerIndex: number): Promise<void> {
    const { prisma, clock, kill, partsOn, lanes } = this.opened;
    const owner = this.owners[ownerIndex % this.owners.length] as Owner;
    const number = (this.#count += 1);
    const attempt = traced(prisma, operation.fault ?? undefined, kill);
    this.#underWay.set(number, attempt.statements);
    const tell = (what: string) => this.wrong.push(`${number} ${operation.do}: ${what}`);
    let outcome: Outcome = { end: 'DONE' };
    try {
      const act = await actOf(prisma, clock, owner, operation, number);
      if (act === undefined) return;
      const foretold = lanes === 1 ? await this.#foretell(act, owner, operation) : undefined;
      const parts = partsOn(attempt.prisma, operation.delivered);
      const metering = { ...parts.metering, isOn: !operation.free };
      outcome = await act.work({ ...parts, metering }).then(
        () => ({ end: 'DONE' as const }),
        (error: unknown) => this.#judge(error, attempt.wasKilled(), tell),
      );
      this.#remember(act, owner, outcome);
      const isMoney = ['InsufficientCreditsError', 'LimitReachedError'].includes(outcome.refusal ?? '');
      if (foretold !== undefined && (outcome.end === 'DONE' || isMoney) && (outcome.refusal ?? '') !== foretold)
        tell(`${outcome.refusal ?? 'done'} where ${foretold || 'done'} was to come`);
    } catch (error) {
      if (!isLostConnection(error)) tell(`before it began, ${String(error)}`);
    } finally {
      this.#underWay.delete(number);
      const told = `${operation.do} ${outcome.refusal ?? outcome.end}`;
      this.outcomes.set(told, (this.outcomes.get(told) ?? 0) + 1);
    }
  }

  /** Where nothing else runs: which refusal a start meets for its price; '' for none. */
  async #foretell({ named }: Act, owner: Owner, { free }: Operation): Promise<string | undefined> {
    if (named?.isStart !== true) return undefined;
    if (this.tried.get(`${owner.id} ${named.name}`)?.ends.includes('DONE') === true) return undefined;
    const row = await this.opened.prisma.user.findUniqueOrThrow({ where: { id: owner.id } });
    if (!free && row.balanceTenths < named.tenths) return 'InsufficientCreditsError';
    const spent = spentToday(row, new Date(this.opened.clock.ms));
    return spent + named.tenths > (row.dailyBudgetTenths ?? Infinity) ? 'LimitReachedError' : '';
  }

  #judge(error: unknown, wasKilled: boolean, tell: (what: string) => void): Outcome {
    const { code, meta } = (error ?? {}) as { code?: string; meta?: unknown };
    if (code === 'P2034' || /40P01|deadlock/i.test(`${String(error)} ${JSON.stringify(meta ?? '')}`)) {
      const others = [...this.#underWay.values()].map((statements) => statements.join('\n    '));
      tell(`DEADLOCK ${String(error)}; under way were\n  ${others.join('\n  ')}`);
      return { end: 'NOTHING' };
    }
    if (error instanceof Crash) return { end: error.isCommitted ? 'DONE' : 'NOTHING' };
    if (error instanceof Refusal || error instanceof ClaimLost) return { end: 'NOTHING', refusal: error.name };
    if (!wasKilled && !isLostConnection(error))
      tell(`unforeseen: ${error instanceof Error ? error.stack : String(error)}`);
    return { end: 'UNKNOWN' };
  }

  #remember({ named }: Act, { id: ownerId }: Owner, { end }: Outcome): void {
    if (named === undefined) return;
    const { name, tenths, isStart } = named;
    const key = `${ownerId} ${name}`;
    const tried = this.tried.get(key) ?? { ownerId, tenths, isStart, ends: [] };
    this.tried.set(key, { ...tried, ends: [...tried.ends, end] });
  }
}

/** Also that of the next one in the pool, who may be given what is left of a killed connection. */
const isLostConnection = (error: unknown) =>
  error instanceof Error && /closed the connection|Connection terminated/i.test(error.message);
