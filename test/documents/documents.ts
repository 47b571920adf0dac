/** The documents of this repository, and how the tests read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

const markdownIn = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));

/** Their paths in the repository. */
export const documents = [...markdownIn('.'), ...markdownIn('docs')];

export const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** The bodies of the code blocks in one language. */
export const blocksOf = (path: string, language: string) =>
  [...read(path).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, body = '']) => body);

/** A document without its code blocks, in which nothing is a link or a heading. */
export const proseOf = (path: string) => read(path).replace(/^```.*?^```$/gms, '');

/** The cells of each row of the first table below a heading, without the head. */
export function tableUnder(path: string, heading: string): string[][] {
  const section = read(path).split(/^#+ /m);
  const rows = section.find((part) => part.startsWith(`${heading}\n`))?.split('\n') ?? [];
  const start = rows.findIndex((line) => line.startsWith('|'));
  const length = rows.slice(start).findIndex((line) => !line.startsWith('|'));
  return rows.slice(start + 2, length === -1 ? undefined : start + length).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The anchors of a document's headings, as GitHub makes them. */
export const anchorsOf = (path: string) =>
  [...proseOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
