/** A store of files by key: a folder or a bucket, with the same guarantees. It knows no database. */
import type { Readable } from 'node:stream';
import type { ByteRange } from './range.ts';

/** A folder and a bucket use the same keys, so that one can be copied into the other. */
export const fileKey = (hash: string) => `${hash.slice(0, 2)}/${hash.slice(2, 4)}/${hash}`;

/** The prefix of the keys of a picture's renditions. */
export const renditionsOf = (hash: string) => `renditions/${hash}/`;

export interface BlobStore {
  /**
   * Moves a complete file from the temporary folder into the store. The temporary file is removed even when this throws.
   * The file appears under its key as a whole and survives a power cut. It replaces a file of the same key, whose age
   * then starts anew.
   */
  put(path: string, key: string): Promise<void>;
  /** Undefined when there is no such file. */
  byteSize(key: string): Promise<number | undefined>;
  /** Undefined when there is no such file. */
  open(key: string): Promise<OpenFile | undefined>;
  /** Calls `work` with a local path to the file, which is valid until `work` ends. Throws FileNotFound. */
  withLocalFile<T>(hash: string, work: (path: string) => Promise<T>): Promise<T>;
  /** Removes a file and its renditions. Does nothing when there is no such file. */
  removeFile(hash: string): Promise<void>;
  remove(keys: string[]): Promise<void>;
  /** Lists all files and renditions, in batches. Anything else in the store is left out, and so never touched. */
  list(): AsyncGenerator<StoredBlob[]>;
  /** Throws StorageUnavailable or StorageMisconfigured when the store cannot be used. */
  check(): Promise<void>;
  close(): void;
}

/** A file or, with `isRendition`, a picture drawn from it. */
export type StoredBlob = { key: string; hash: string; isRendition: boolean; writtenAt: Date };

/** An open file: the caller reads it or closes it. In a folder it can still be read after it was removed. */
export type OpenFile = {
  byteSize: number;
  /** May be called once. The end of the stream closes the file. Throws FileNotFound. */
  read(range?: ByteRange): Promise<Readable>;
  close(): Promise<void>;
};

/** Parses a key; undefined when it is not one of ours. */
export function readKey(key: string): { hash: string; isRendition: boolean } | undefined {
  const [, file, picture] =
    /^(?:[\da-f]{2}\/[\da-f]{2}\/([\da-f]{64})|renditions\/([\da-f]{64})\/[^/]+)$/.exec(key) ?? [];
  const hash = file ?? picture;
  return hash === undefined ? undefined : { hash, isRendition: file === undefined };
}

/** There is no file of this hash. */
export class FileNotFound extends Error {
  constructor(hash: string) {
    super(`There is no file ${hash} in the storage.`);
  }
}

/** The storage does not answer, or answers with an error, for now. The caller may try again later. */
export class StorageUnavailable extends Error {
  override name = 'StorageUnavailable';
}

/** The storage refuses this server until a setting is changed. The message names the setting. */
export class StorageMisconfigured extends Error {
  override name = 'StorageMisconfigured';
}
