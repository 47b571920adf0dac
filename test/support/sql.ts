/** Databases to send plain SQL to: PGlite always, and a PostgreSQL when one can be reached. Each is fresh and migrated. */
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { PGlite } from '@electric-sql/pglite';
import { Client } from 'pg';
import { migrate, type SqlSession } from '../../src/database/migrate.ts';

export type SqlDatabase = SqlSession & { close(): Promise<void> };

/** Empty: nothing is migrated yet. */
export async function openEmptyPglite(): Promise<SqlDatabase> {
  const pglite = new PGlite();
  return {
    async run(sql) {
      await pglite.exec(sql);
    },
    query: (sql, values) => pglite.query(sql, values),
    close: () => pglite.close(),
  };
}

const server =
  process.env['TEST_DATABASE_URL'] ??
  `postgresql://${userInfo().username}@localhost/postgres?host=${encodeURIComponent('/var/run/postgresql')}`;

/** Where PostgreSQL is looked for, for people. */
export const postgresAt = process.env['TEST_DATABASE_URL'] ? 'TEST_DATABASE_URL' : '/var/run/postgresql';

export async function isPostgresReachable(): Promise<boolean> {
  const client = new Client({ connectionString: server, connectionTimeoutMillis: 2000 });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

/** A database of its own on that server, dropped on close. Empty: nothing is migrated yet. */
export async function openEmptyPostgres(): Promise<SqlDatabase & { url: string }> {
  const name = `likeness_test_${randomUUID().replaceAll('-', '')}`;
  const maintenance = new Client(server);
  await maintenance.connect();
  await maintenance.query(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const client = new Client(url.href);
  await client.connect();
  return {
    url: url.href,
    async run(sql) {
      await client.query(sql);
    },
    query: (sql, values) => client.query(sql, values),
    async close() {
      await client.end();
      await maintenance.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await maintenance.end();
    },
  };
}

export async function migrated<Opened extends SqlDatabase>(open: () => Promise<Opened>): Promise<Opened> {
  const database = await open();
  await migrate(database);
  return database;
}
