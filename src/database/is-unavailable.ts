/** Whether an error means that the database is unavailable for now: stopped, starting, or out of connections. */
import { Prisma } from '../../prisma/generated/client/client.ts';

/** Prisma's codes: unreachable, timed out, connection closed, no connection in time, too many connections, no transaction in time. */
const codesOfPrisma = new Set(['P1001', 'P1002', 'P1017', 'P2024', 'P2037', 'P2028']);
/** PostgreSQL's codes: connection exceptions (08), insufficient resources (53), and shutdowns (57P01 to 57P03). */
const codesOfPostgres = /^(?:08...|53...|57P0[123])$/;
/** Messages of node-postgres when it gets no connection or has lost one. These errors have no code. */
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
