/** A database whose transactions crash at a statement of choice, and which remembers what each has sent. */
import type { Database } from '../../src/database/client.ts';

/**
 * Where the next transaction ends: an error is thrown at its n-th statement or, when it has fewer, before its COMMIT; the
 * same with its connection killed; or it is thrown after the COMMIT, so that nobody hears of what was done.
 */
export type Fault = { how: 'THROW' | 'KILL' | 'LATE'; at: number };

export class Crash extends Error {
  override name = 'Crash';
  readonly isCommitted: boolean;

  constructor(isCommitted: boolean) {
    super(isCommitted ? 'Crashed after the commit.' : 'Crashed before the commit.');
    this.isCommitted = isCommitted;
  }
}

/** What became of the fault. */
export type Traced = { prisma: Database; statements: string[]; wasKilled(): boolean };

/** `kill` ends the connection of a process id; without it, a KILL is a THROW. */
export function traced(
  prisma: Database,
  fault: Fault | undefined,
  kill: ((pid: number) => Promise<void>) | undefined,
): Traced {
  const statements: string[] = [];
  let pending = fault;
  let killed = false;

  const transaction = async (work: (tx: object) => Promise<unknown>, options?: object): Promise<unknown> => {
    const here = pending;
    pending = undefined;
    const result = await prisma.$transaction(async (tx) => {
      statements.push('BEGIN');
      const kills = here?.how === 'KILL' && kill !== undefined;
      const [backend] = kills ? await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid` : [];
      let left = here?.how === 'LATE' ? Infinity : (here?.at ?? Infinity);
      const crash = async () => {
        if (backend === undefined) throw new Crash(false);
        killed = true;
        await kill?.(backend.pid);
      };
      const done = await work(
        watched(tx, '', async (statement, send) => {
          statements.push(statement);
          if ((left -= 1) === 0) await crash();
          return await send();
        }),
      );
      if (left > 0 && left < Infinity) await crash();
      statements.push('COMMIT');
      return done;
    }, options);
    if (here?.how === 'LATE') throw new Crash(true);
    return result;
  };

  const proxied = new Proxy(prisma, {
    get(target, key) {
      if (key === '$transaction') return transaction;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { prisma: proxied, statements, wasKilled: () => killed };
}

type Send = (statement: string, send: () => Promise<unknown>) => Promise<unknown>;

/** A client of a transaction, or a model of one, each of whose calls goes through `through`. */
function watched(client: object, name: string, through: Send): object {
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof key === 'symbol') return value;
      if (typeof value === 'function') {
        return (...given: unknown[]) =>
          through(`${name}${key} ${textOf(given[0])}`, () => value.apply(target, given) as Promise<unknown>);
      }
      return typeof value === 'object' && value !== null ? watched(value, `${key}.`, through) : value;
    },
  });
}

/** Of raw SQL, and of the arguments of a model's. */
function textOf(given: unknown): string {
  const sql = Array.isArray(given) ? given.join('?') : (given as { sql?: unknown } | undefined)?.sql;
  const text = typeof given === 'string' ? given : typeof sql === 'string' ? sql : JSON.stringify(given);
  return (text ?? '').replaceAll(/\s+/g, ' ').slice(0, 160);
}
