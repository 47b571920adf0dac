/** The types of the Prisma client and its transactions. */
import type { Prisma, PrismaClient } from '../../prisma/generated/client/client.ts';

export type Database = PrismaClient;

/** A transaction that the caller has opened and will commit or roll back. */
export type Tx = Prisma.TransactionClient;
