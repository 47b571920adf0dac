/**
 * `npm run bench -- [part …] [--quick]`: compares this server with other software in one run, and writes the table in
 * docs/performance.md. With --quick it measures fewer and shorter rounds and writes no file.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Part } from './part.ts';
import { type Measured, print, rowsOf, write } from './table.ts';
import { machine } from './versions.ts';

/** In the order of the table. Each part is a file of this folder. */
const parts = ['queries', 'fanout', 'latency', 'jobs', 'start', 'growth'].filter((name) => existsSync(fileOf(name)));

function fileOf(name: string): string {
  return join(import.meta.dirname, `${name}.ts`);
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean' } } });
const unknown = positionals.filter((name) => !parts.includes(name));
if (unknown.length > 0) throw new Error(`Unknown part: ${unknown.join(', ')}. Use ${parts.join(', ')}.`);

const isQuick = values.quick ?? false;
const report = (line: string) => void process.stderr.write(`${line}\n`);
const measured: Measured[] = [];
for (const part of parts.filter((name) => positionals.length === 0 || positionals.includes(name))) {
  report(`== ${part}`);
  const { measure } = (await import(fileOf(part))) as Part;
  const figures = await measure({ isQuick, report });
  measured.push({ part, figures });
  // Written after each part, so that the failure of a later part does not lose its rows.
  if (!isQuick) write(machine(), parts, measured);
}
process.stdout.write(print(machine(), rowsOf(measured)));
