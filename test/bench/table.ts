/**
 * Writes the table between the two marks in docs/performance.md. A run that measures some parts replaces their rows. The
 * other rows stay if they were measured on the same machine.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from './part.ts';

const document = join(import.meta.dirname, '../../docs/performance.md');
const marks = /(<!-- bench -->\n)(.*?)(<!-- \/bench -->)/s;

export type Measured = { part: string; figures: Figure[] };

const met = (isMet: boolean | undefined) => (isMet === undefined ? '' : isMet ? 'yes' : '**no**');

const rowOf = (part: string, { label, figure, against, goal, isMet }: Figure) =>
  `| ${part} | ${label} | ${figure} | ${against} | ${goal} | ${met(isMet)} |`;

/** Returns the text between the marks. */
export function print(machine: string, rows: string[]): string {
  const head = ['| | | measured | against | goal | met |', '|---|---|---|---|---|---|'];
  return [`${machine}.`, '', ...head, ...rows, ''].join('\n');
}

export const rowsOf = (measured: Measured[]) =>
  measured.flatMap(({ part, figures }) => figures.map((figure) => rowOf(part, figure)));

/** Replaces the rows of the measured parts, in the order of `parts`. Rows from another machine are removed. */
export function write(machine: string, parts: string[], measured: Measured[]): void {
  const text = readFileSync(document, 'utf8');
  const previous = marks.exec(text)?.[2] ?? '';
  const previousRows = previous.startsWith(`${machine}.`) ? previous.split('\n').slice(4) : [];
  const rows = parts.flatMap((part) => {
    const current = measured.filter((each) => each.part === part);
    return current.length > 0 ? rowsOf(current) : previousRows.filter((row) => row.startsWith(`| ${part} |`));
  });
  writeFileSync(
    document,
    text.replace(marks, (_whole, open, _old, close) => `${open}${print(machine, rows)}${close}`),
  );
}
