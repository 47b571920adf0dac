/** PostgreSQL inside this process: PGlite in a folder, as durable as a PostgreSQL server. */
import { existsSync, fsyncSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { failpoint } from '../runtime/failpoint.ts';
import { DataFolderInUse, lockFolder } from './folder-lock.ts';

export type EmbeddedDatabase = { pglite: PGlite; close(): Promise<void> };

/**
 * Without `-F`, PostgreSQL syncs its log at every commit. With the method `fsync`, that call reaches NODEFS, where
 * enableFsync() syncs the file. With PGlite's own parameters a commit survives kill -9, but not a power cut.
 */
const startParams = [...PGlite.defaultStartParams.filter((param) => param !== '-F'), '-c', 'wal_sync_method=fsync'];

/** The data folder cannot be written to, or its database does not open. The message tells the user what to do. */
export class DataFolderError extends Error {}

/**
 * Opens the database of a data folder, or creates it. Throws DataFolderError, and DataFolderInUse while another process
 * uses the folder.
 */
export async function openPglite(dataDir: string): Promise<EmbeddedDatabase> {
  const unlock = createAndLock(dataDir);
  try {
    const pglite = await open(dataDir);
    return {
      pglite,
      async close() {
        try {
          await pglite.close();
        } finally {
          unlock();
        }
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

function createAndLock(dataDir: string): () => void {
  try {
    mkdirSync(dataDir, { recursive: true });
    return lockFolder(dataDir);
  } catch (error) {
    if (error instanceof DataFolderInUse) throw error;
    throw new DataFolderError(
      `DATA_DIR: ${dataDir} is not a folder that this server can write to (${reasonOf(error)}).`,
      { cause: error },
    );
  }
}

async function open(dataDir: string): Promise<PGlite> {
  const folder = join(dataDir, 'database');
  // This file exists until a new database is complete. If the first start is killed before that, the next start begins again.
  const unfinished = join(dataDir, 'database.unfinished');
  try {
    if (existsSync(unfinished)) rmSync(folder, { recursive: true, force: true });
    const isNew = !existsSync(folder);
    if (isNew) writeFileSync(unfinished, '');
    const pglite = new PGlite({ dataDir: folder, startParams });
    await pglite.waitReady;
    enableFsync(pglite);
    if (isNew) {
      await failpoint('boot.created');
      await pglite.exec('CHECKPOINT');
      rmSync(unfinished);
    }
    return pglite;
  } catch (error) {
    throw new DataFolderError(
      `The database in ${folder} does not open (${reasonOf(error)}). The disk may be full, or the folder damaged or of another version. Restore it from a backup, or set DATA_DIR to a new folder.`,
      { cause: error },
    );
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type NodeFs = { stream_ops: { fsync?: (stream: { nfd: number }) => number } };

/** Adds fsync to Emscripten's NODEFS. Without it, the call succeeds but syncs nothing. */
function enableFsync(pglite: PGlite): void {
  const { NODEFS } = pglite.Module as unknown as { NODEFS: NodeFs };
  NODEFS.stream_ops.fsync = (stream) => {
    fsyncSync(stream.nfd);
    return 0;
  };
}
