/**
 * During a rolling deploy the previous version runs on a database that the new version has migrated. So migrations only add:
 * they remove nothing that a released version reads, and require nothing that it does not write.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { migrationsFolder } from '../../src/database/migrate.ts';

/** The last migration before the first released version. */
const first = '20261122020000_rate_limits';

const breaking: [what: string, pattern: RegExp][] = [
  ['removes a table or a column', /\bDROP (TABLE|COLUMN|TYPE|VIEW|SCHEMA)\b/i],
  ['renames', /\bRENAME\b/i],
  ['changes a type', /\bALTER COLUMN\b[^,;]*\bTYPE\b/i],
  ['makes a column required', /\bSET NOT NULL\b/i],
  ['adds a required column', /\bADD COLUMN\b(?![^,;]*\bDEFAULT\b)[^,;]*\bNOT NULL\b/i],
];
const brokenBy = (sql: string) =>
  breaking.filter(([, pattern]) => pattern.test(sql.replace(/--.*$/gm, ''))).map(([what]) => what);

test.each([
  ['DROP TABLE "Job";', 'removes a table or a column'],
  ['ALTER TABLE "Job" DROP COLUMN "x";', 'removes a table or a column'],
  ['ALTER TABLE "Job" RENAME COLUMN "x" TO "y";', 'renames'],
  ['ALTER TABLE "Job" ALTER COLUMN "x" SET DATA TYPE TEXT;', 'changes a type'],
  ['ALTER TABLE "Job" ALTER COLUMN "x" SET NOT NULL;', 'makes a column required'],
  ['ALTER TABLE "Job" ADD COLUMN "x" TEXT NOT NULL;', 'adds a required column'],
])('%s breaks the previous version: it %s', (sql, what) => {
  expect(brokenBy(sql)).toEqual([what]);
});

test.each([
  'ALTER TABLE "Job" ADD COLUMN "x" TEXT;',
  `ALTER TABLE "Job" ADD COLUMN "x" TEXT NOT NULL DEFAULT '', ADD COLUMN "y" INTEGER;`,
  'CREATE TABLE "New" ("id" UUID NOT NULL);',
  'CREATE INDEX "Job_x" ON "Job" ("x");',
])('%s does not break the previous version', (sql) => {
  expect(brokenBy(sql)).toEqual([]);
});

test('no migration since the first release breaks the version before it', () => {
  const names = readdirSync(migrationsFolder).filter((name) => /^\d{14}_/.test(name));
  expect(names).toContain(first);
  const found = names
    .filter((name) => name > first)
    .flatMap((name) =>
      brokenBy(readFileSync(join(migrationsFolder, name, 'migration.sql'), 'utf8')).map((what) => `${name} ${what}`),
    );
  expect(found).toEqual([]);
});
