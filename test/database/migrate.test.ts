import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { functionsFolder, migrate, migrationsFolder } from '../../src/database/migrate.ts';
import { openEmptyPglite, type SqlDatabase } from '../support/sql.ts';

let database: SqlDatabase;
let folder: string;
beforeEach(async () => {
  database = await openEmptyPglite();
  folder = mkdtempSync(join(tmpdir(), 'likeness-migrations-'));
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

const add = (name: string, sql: string) => {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'migration.sql'), sql);
};
const tables = async () => {
  const { rows } = await database.query(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
    [],
  );
  return rows.map((row) => row['name']);
};

describe('migrate', () => {
  it('applies the missing migrations in the order of their names, and nothing the second time', async () => {
    add('2_second', 'ALTER TABLE a ADD COLUMN n INT');
    add('1_first', 'CREATE TABLE a (id INT)');
    writeFileSync(join(folder, 'migration_lock.toml'), 'provider = "postgresql"');
    expect(await migrate(database, { migrations: folder })).toEqual(['1_first', '2_second']);
    expect(await migrate(database, { migrations: folder })).toEqual([]);
    add('3_third', 'CREATE TABLE b (id INT)');
    expect(await migrate(database, { migrations: folder })).toEqual(['3_third']);
    expect(await tables()).toEqual(['_prisma_migrations', 'a', 'b']);
  });

  it('records migrations as Prisma’s command line does', async () => {
    const sql = 'CREATE TABLE a (id INT);\n';
    add('1_first', sql);
    await migrate(database, { migrations: folder });
    const { rows } = await database.query('SELECT * FROM _prisma_migrations', []);
    expect(rows).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        checksum: createHash('sha256').update(sql).digest('hex'),
        finished_at: expect.any(Date),
        migration_name: '1_first',
        logs: null,
        rolled_back_at: null,
        started_at: expect.any(Date),
        applied_steps_count: 1,
      },
    ]);
  });

  it('rejects a migration that was changed since, and applies no more', async () => {
    add('1_first', 'CREATE TABLE a (id INT)');
    await migrate(database, { migrations: folder });
    add('1_first', 'CREATE TABLE a (id BIGINT)');
    add('2_second', 'CREATE TABLE b (id INT)');
    await expect(migrate(database, { migrations: folder })).rejects.toThrow(
      'Migration 1_first was changed after this database had applied it. Restore prisma/migrations from the release.',
    );
    expect(await tables()).toEqual(['_prisma_migrations', 'a']);
  });

  it('rolls back a migration that fails, and keeps those before it', async () => {
    add('1_first', 'CREATE TABLE a (id INT)');
    add('2_second', 'CREATE TABLE b (id INT); CREATE TABLE a (id INT)');
    await expect(migrate(database, { migrations: folder })).rejects.toThrow('relation "a" already exists');
    expect(await tables()).toEqual(['_prisma_migrations', 'a']);
    add('2_second', 'CREATE TABLE b (id INT)');
    expect(await migrate(database, { migrations: folder })).toEqual(['2_second']);
  });

  it('applies a migration again that was marked as rolled back', async () => {
    add('1_first', 'CREATE TABLE a (id INT)');
    await migrate(database, { migrations: folder });
    await database.run('DROP TABLE a; UPDATE _prisma_migrations SET rolled_back_at = now()');
    expect(await migrate(database, { migrations: folder })).toEqual(['1_first']);
  });

  it('creates the tables of this version', async () => {
    cpSync(migrationsFolder, folder, { recursive: true });
    const names = readdirSync(migrationsFolder).filter((name) => /^\d{14}_\w+$/.test(name));
    expect(names[0]).toMatch(/_init$/);
    expect(await migrate(database)).toEqual(names.toSorted());
    expect(await migrate(database, { migrations: folder })).toEqual([]);
    expect(await tables()).toContain('Avatar');
  });

  it('replaces a function when its file changed, and changes nothing otherwise', async () => {
    add('1_first', 'CREATE TABLE a (id INT)');
    const functions = join(folder, 'functions');
    mkdirSync(functions);
    const folders = { migrations: join(folder, 'migrations'), functions };
    mkdirSync(folders.migrations);
    const write = (value: number) =>
      writeFileSync(
        join(functions, 'answer.sql'),
        `-- Answers.\nCREATE OR REPLACE FUNCTION answer() RETURNS INT LANGUAGE sql AS $$ SELECT ${value} $$;\n`,
      );
    const answer = async () => (await database.query('SELECT answer() AS answer', [])).rows[0]?.['answer'];
    write(1);
    await migrate(database, folders);
    expect(await answer()).toBe(1);
    write(2);
    await migrate(database, folders);
    expect(await answer()).toBe(2);
  });

  it('creates every function with the body of its file, and changes nothing the second time', async () => {
    const bodies = async () => {
      const { rows } = await database.query(
        `SELECT proname AS name, pg_get_functiondef(oid) AS definition, prosrc AS body FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`,
        [],
      );
      return rows;
    };
    await migrate(database);
    const before = await bodies();
    const files = readdirSync(functionsFolder).toSorted();
    for (const file of files) {
      const sql = readFileSync(join(functionsFolder, file), 'utf8');
      const found = before.find(({ name }) => `${String(name)}.sql` === file);
      expect(sql).toMatch(/^-- /);
      expect(sql).toContain(`$$${String(found?.['body'])}$$`);
    }
    // Servers of version 0.1 call these; no file replaces them.
    const names = before.map(({ name }) => String(name));
    expect(names.filter((name) => !files.includes(`${name}.sql`))).toEqual(['admit_alone']);
    await migrate(database);
    expect(await bodies()).toEqual(before);
  });
});
