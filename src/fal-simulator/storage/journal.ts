/**
 * The store on disk: a file of JSON lines, one for each change, in order. A line is written before the call that caused it is
 * answered, so that kill -9 loses nothing acknowledged. It is not fsynced: a power cut may lose the last lines.
 */
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';

export interface Journal {
  /** Lines in the file, outdated ones included. */
  readonly length: number;
  append(entry: object): Promise<void>;
  /** Atomically replaces all lines by these entries. */
  rewrite(entries: Iterable<object>): Promise<void>;
  close(): Promise<void>;
}

/** Opens or creates the journal. Calls `replay` with each entry, unvalidated; skips an incomplete line. */
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
        // The newline comes first, so that an incomplete line (crash, full disk) does not damage the next one.
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
