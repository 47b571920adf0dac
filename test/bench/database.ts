/** A PostgreSQL database and data folders for one measurement. `remove` deletes them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fill, fillStatements } from '../support/fill.ts';
import { migrated, openEmptyPostgres, type SqlDatabase } from '../support/sql.ts';

export type BenchDatabase = {
  url: string;
  sql: SqlDatabase;
  /** Creates a new folder at each call. */
  folder(): string;
  remove(): Promise<void>;
};

export async function openBenchDatabase(fill?: Fill): Promise<BenchDatabase> {
  const sql = await migrated(openEmptyPostgres);
  for (const statement of fill === undefined ? [] : fillStatements(fill)) await sql.run(statement);
  const { folder, remove } = newFolders();
  return {
    url: sql.url,
    sql,
    folder,
    async remove() {
      await sql.close();
      remove();
    },
  };
}

/** Temporary folders for one measurement. `remove` deletes them. */
export function newFolders(): { folder: () => string; remove: () => void } {
  const created: string[] = [];
  return {
    folder() {
      const path = mkdtempSync(join(tmpdir(), 'likeness-bench-'));
      created.push(path);
      return path;
    },
    remove() {
      for (const path of created.splice(0)) rmSync(path, { recursive: true, force: true });
    },
  };
}

export async function versionOfPostgres({ sql }: Pick<BenchDatabase, 'sql'>): Promise<string> {
  const { rows } = await sql.query(`SELECT current_setting('server_version') AS version`, []);
  return `PostgreSQL ${String(rows[0]?.['version']).split(' ')[0]}`;
}
