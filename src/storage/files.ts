/** Files by the hash of their content. */
import type { Readable } from 'node:stream';
import type { Tx } from '../database/client.ts';

export interface FileStore {
  /** Streams the bytes to disk, synced, under their SHA-256. Running twice gives the same file. Throws when they pass maxBytes. */
  write(bytes: Readable | Uint8Array, options: { maxBytes: number }): Promise<WrittenFile>;
  /** Records written files, in the transaction of the rows that refer to them. */
  record(tx: Tx, files: (WrittenFile & { contentType: string })[]): Promise<void>;
  /** Where the bytes lie. */
  path(hash: string): string;
  /** Removes files that nothing refers to. Only those whose last write is an hour ago: a newer one's user may still commit. */
  sweep(): Promise<number>;
}

export type WrittenFile = { hash: string; byteSize: number };
