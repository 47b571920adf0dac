/** Where files lie by their keys: a folder or a bucket, with the same promises. It knows no database. */
import type { Readable } from 'node:stream';
import type { ByteRange } from './range.ts';

/** A folder and a bucket use the same keys, so that one can be copied into the other. */
export const fileKey = (hash: string) => `${hash.slice(0, 2)}/${hash.slice(2, 4)}/${hash}`;

/** What the keys of a picture's renditions begin with. */
export const renditionsOf = (hash: string) => `renditions/${hash}/`;

export interface BlobStore {
  /**
   * Takes over a whole file of the scratch folder, which is gone from there when this has ended, however it ends. Under its
   * key it is to be seen all at once, and lasts. Over the same file when there is one: then that counts as new.
   */
  put(path: string, key: string): Promise<void>;
  /** Undefined when there is no such file. */
  byteSize(key: string): Promise<number | undefined>;
  /** Undefined when there is no such file. */
  open(key: string): Promise<OpenFile | undefined>;
  /** Runs with a path of this machine to read the file at, for as long as it runs. Throws FileNotFound. */
  withLocalFile<T>(hash: string, work: (path: string) => Promise<T>): Promise<T>;
  /** A file and its renditions. Nothing, when there is none. */
  removeFile(hash: string): Promise<void>;
  remove(keys: string[]): Promise<void>;
  /** All files and renditions, some at a time. What else lies there is not seen, and so never touched. */
  list(): AsyncGenerator<StoredBlob[]>;
  /** Throws StorageUnavailable or StorageMisconfigured when it cannot be worked with. */
  check(): Promise<void>;
  close(): void;
}

/** A file or, with `isRendition`, a picture drawn from it. */
export type StoredBlob = { key: string; hash: string; isRendition: boolean; writtenAt: Date };

/** A file to be read, or closed. In a folder, a removal no longer matters to it. */
export type OpenFile = {
  byteSize: number;
  /** Once. The stream closes the file. Throws FileNotFound. */
  read(range?: ByteRange): Promise<Readable>;
  close(): Promise<void>;
};

/** What a key names; undefined for what is none of ours. */
export function readKey(key: string): { hash: string; isRendition: boolean } | undefined {
  const [, file, picture] =
    /^(?:[\da-f]{2}\/[\da-f]{2}\/([\da-f]{64})|renditions\/([\da-f]{64})\/[^/]+)$/.exec(key) ?? [];
  const hash = file ?? picture;
  return hash === undefined ? undefined : { hash, isRendition: file === undefined };
}

/** There is no file of this hash. */
export class FileNotFound extends Error {
  constructor(hash: string) {
    super(`The file ${hash} is gone.`);
  }
}

/** The place of the files does not answer, or not as it should, for now. Whoever asked may ask again later. */
export class StorageUnavailable extends Error {
  override name = 'StorageUnavailable';
}

/** The place of the files refuses this server for good. Its message names the setting that is wrong. */
export class StorageMisconfigured extends Error {
  override name = 'StorageMisconfigured';
}
