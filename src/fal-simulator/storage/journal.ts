/**
 * The simulator's memory on disk: one JSON line for each thing that happened, in order. A line is written before what
 * it tells is answered, so kill -9 loses nothing that was acknowledged. It is not fsynced: a power cut may cost the
 * last lines, which is a simulator's to lose.
 */
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';

export interface Journal {
  /** Lines in the file, dead ones included. */
  readonly length: number;
  append(entry: object): Promise<void>;
  /** Replaces everything by these entries, at once or not at all. */
  rewrite(entries: Iterable<object>): Promise<void>;
  close(): Promise<void>;
}

/** Opens or makes the journal; `replay` gets each entry of it first, unchecked. A torn line is left out. */
export async function openJournal(path: string, replay: (entry: unknown) => void): Promise<Journal> {
  let length = 0;
  for (const line of (await readOrEmpty(path)).split('\n')) {
    const entry = parse(line);
    if (entry === undefined) continue;
    replay(entry);
    length += 1;
  }
  let file: FileHandle = await open(path, 'a');
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = <Value>(write: () => Promise<Value>): Promise<Value> => {
    const written = last.then(write);
    last = written.catch(() => undefined);
    return written;
  };
  return {
    get length() {
      return length;
    },
    append: (entry) =>
      inOrder(async () => {
        // The newline goes first: behind a line torn by a crash or a full disk, this one still begins anew.
        await file.appendFile(`\n${JSON.stringify(entry)}`);
        length += 1;
      }),
    rewrite: (entries) =>
      inOrder(async () => {
        const lines = [...entries].map((entry) => JSON.stringify(entry));
        const fresh = await open(`${path}.new`, 'w');
        await fresh.appendFile(lines.join('\n'));
        await rename(`${path}.new`, path);
        await file.close();
        file = fresh;
        length = lines.length;
      }),
    close: () => inOrder(() => file.close()),
  };
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

function parse(line: string): unknown {
  try {
    return line === '' ? undefined : JSON.parse(line);
  } catch {
    return undefined;
  }
}
