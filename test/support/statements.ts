/** The SQL that a server of this process sends to PostgreSQL, in the order in which it is sent. */
import { Client } from 'pg';

export type Statement = { text: string; values: unknown[] };

/**
 * What is sent meanwhile, over the connections of Prisma unless all are asked for: pg-boss has its own, and looks for
 * steps at any time.
 */
export async function statementsOf(
  work: () => Promise<unknown>,
  { all = false }: { all?: boolean } = {},
): Promise<Statement[]> {
  const sent: Statement[] = [];
  const real = Object.getOwnPropertyDescriptor(Client.prototype, 'query');
  const query = Client.prototype.query as (...args: unknown[]) => unknown;
  Object.defineProperty(Client.prototype, 'query', {
    ...real,
    value(this: Client, ...args: unknown[]) {
      const [first, second] = args;
      const config = typeof first === 'string' ? { text: first, values: second } : (first as Partial<Statement>);
      const { application_name: of } = (this as unknown as { connectionParameters: { application_name?: string } })
        .connectionParameters;
      if (all || of === 'likeness') {
        sent.push({ text: config.text ?? '', values: Array.isArray(config.values) ? config.values : [] });
      }
      return query.apply(this, args);
    },
  });
  try {
    await work();
  } finally {
    if (real) Object.defineProperty(Client.prototype, 'query', real);
  }
  return sent;
}
