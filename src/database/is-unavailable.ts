/** Whether an error means that the database is unavailable for now: stopped, starting, or out of connections. */
import { Prisma } from '../../prisma/generated/client/client.ts';

/** Prisma's codes: not reached, timed out, closed, no connection in time, too many of them, no transaction in time. */
const codesOfPrisma = new Set(['P1001', 'P1002', 'P1017', 'P2024', 'P2037', 'P2028']);
/** PostgreSQL's classes: connection exception, insufficient resources, and of operator intervention the shutdowns. */
const codesOfPostgres = /^(?:08...|53...|57P0[123])$/;
/** What node-postgres says of a connection that it cannot have, or has lost; it gives these no code. */
const messages = /^(?:timeout exceeded when trying to connect|Connection terminated)/;

export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientKnownRequestError) {
    return codesOfPrisma.has(error.code) || codesOfPostgres.test(originalCodeOf(error) ?? '');
  }
  return error instanceof Error && messages.test(error.message);
}

function originalCodeOf({ meta }: Prisma.PrismaClientKnownRequestError): string | undefined {
  const { cause } = (meta?.['driverAdapterError'] ?? {}) as { cause?: { originalCode?: unknown } };
  return typeof cause?.originalCode === 'string' ? cause.originalCode : undefined;
}
