/** A database client whose next transaction crashes at a chosen statement, and which records its statements. */
import type { Database } from '../../src/database/client.ts';

/**
 * How the next transaction ends. THROW: with an error at its n-th statement or, when it has fewer, before COMMIT. KILL:
 * at the same place, by killing its connection. LATE: with an error after COMMIT, so that the caller does not learn of it.
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

/** `statements` grows as transactions run; `wasKilled` says whether the connection was killed. */
export type FaultyDatabase = { prisma: Database; statements: string[]; wasKilled(): boolean };

/** `kill` terminates the connection with a process id; without it, KILL acts like THROW. */
export function withFault(
  prisma: Database,
  fault: Fault | undefined,
  kill: ((pid: number) => Promise<void>) | undefined,
): FaultyDatabase {
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
        intercepted(tx, '', async (statement, send) => {
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

/** A transaction client, or a model of it, with each call passed to `through`. */
function intercepted(client: object, name: string, through: Send): object {
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof key === 'symbol') return value;
      if (typeof value === 'function') {
        return (...args: unknown[]) =>
          through(`${name}${key} ${textOf(args[0])}`, () => value.apply(target, args) as Promise<unknown>);
      }
      return typeof value === 'object' && value !== null ? intercepted(value, `${key}.`, through) : value;
    },
  });
}

/** The SQL of a raw query, or the arguments of a model's call as JSON. */
function textOf(argument: unknown): string {
  const sql = Array.isArray(argument) ? argument.join('?') : (argument as { sql?: unknown } | undefined)?.sql;
  const text = typeof argument === 'string' ? argument : typeof sql === 'string' ? sql : JSON.stringify(argument);
  return (text ?? '').replaceAll(/\s+/g, ' ').slice(0, 160);
}
