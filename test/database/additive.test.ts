/**
 * During a rolling deploy the previous version goes on on a database that the new one has migrated. So a migration adds:
 * it takes nothing away that a version in the field may read, and asks for nothing that it does not write.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { migrationsFolder } from '../../src/database/migrate.ts';

/** The last migration before the first version that anybody may run. */
const first = '20261122020000_rate_limits';

const breaking: [what: string, pattern: RegExp][] = [
  ['takes a table or a column away', /\bDROP (TABLE|COLUMN|TYPE|VIEW|SCHEMA)\b/i],
  ['gives another name', /\bRENAME\b/i],
  ['changes a type', /\bALTER COLUMN\b[^,;]*\bTYPE\b/i],
  ['asks for a value that was not asked for', /\bSET NOT NULL\b/i],
  ['adds a column that must be written', /\bADD COLUMN\b(?![^,;]*\bDEFAULT\b)[^,;]*\bNOT NULL\b/i],
];
const brokenBy = (sql: string) =>
  breaking.filter(([, pattern]) => pattern.test(sql.replace(/--.*$/gm, ''))).map(([what]) => what);

test.each([
  ['DROP TABLE "Job";', 'takes a table or a column away'],
  ['ALTER TABLE "Job" DROP COLUMN "x";', 'takes a table or a column away'],
  ['ALTER TABLE "Job" RENAME COLUMN "x" TO "y";', 'gives another name'],
  ['ALTER TABLE "Job" ALTER COLUMN "x" SET DATA TYPE TEXT;', 'changes a type'],
  ['ALTER TABLE "Job" ALTER COLUMN "x" SET NOT NULL;', 'asks for a value that was not asked for'],
  ['ALTER TABLE "Job" ADD COLUMN "x" TEXT NOT NULL;', 'adds a column that must be written'],
])('%s breaks the previous version', (sql, what) => {
  expect(brokenBy(sql)).toEqual([what]);
});

test.each([
  'ALTER TABLE "Job" ADD COLUMN "x" TEXT;',
  `ALTER TABLE "Job" ADD COLUMN "x" TEXT NOT NULL DEFAULT '', ADD COLUMN "y" INTEGER;`,
  'CREATE TABLE "New" ("id" UUID NOT NULL);',
  'CREATE INDEX "Job_x" ON "Job" ("x");',
])('%s does not', (sql) => {
  expect(brokenBy(sql)).toEqual([]);
});

test('no migration since the first version breaks the one before it', () => {
  const names = readdirSync(migrationsFolder).filter((name) => /^\d{14}_/.test(name));
  expect(names).toContain(first);
  const found = names
    .filter((name) => name > first)
    .flatMap((name) =>
      brokenBy(readFileSync(join(migrationsFolder, name, 'migration.sql'), 'utf8')).map((what) => `${name} ${what}`),
    );
  expect(found).toEqual([]);
});
