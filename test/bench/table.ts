/** The table of docs/performance.md, between two marks: written by a run, read by the next, which keeps the rows of parts that it did not measure. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from './part.ts';

const document = join(import.meta.dirname, '../../docs/performance.md');
const marks = /(<!-- bench -->\n)(.*?)(<!-- \/bench -->)/s;

export type Measured = { part: string; figures: Figure[] };

const met = (isMet: boolean | undefined) => (isMet === undefined ? '' : isMet ? 'yes' : '**no**');

const rowOf = (part: string, { what, figure, against, goal, isMet }: Figure) =>
  `| ${part} | ${what} | ${figure} | ${against} | ${goal} | ${met(isMet)} |`;

/** The lines between the marks. */
export function print(machine: string, rows: string[]): string {
  const head = ['| | | measured | against | goal | met |', '|---|---|---|---|---|---|'];
  return [`${machine}.`, '', ...head, ...rows, ''].join('\n');
}

export const rowsOf = (measured: Measured[]) =>
  measured.flatMap(({ part, figures }) => figures.map((figure) => rowOf(part, figure)));

/** Puts the rows of what was measured in their places, by the order of `parts`. Rows of another machine go. */
export function write(machine: string, parts: string[], measured: Measured[]): void {
  const text = readFileSync(document, 'utf8');
  const before = marks.exec(text)?.[2] ?? '';
  const kept = before.startsWith(`${machine}.`) ? before.split('\n').slice(4) : [];
  const rows = parts.flatMap((part) => {
    const anew = measured.filter((each) => each.part === part);
    return anew.length > 0 ? rowsOf(anew) : kept.filter((row) => row.startsWith(`| ${part} |`));
  });
  writeFileSync(
    document,
    text.replace(marks, (_whole, open, _old, close) => `${open}${print(machine, rows)}${close}`),
  );
}
