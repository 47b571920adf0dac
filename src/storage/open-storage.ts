/** Opens the storage that the settings choose: a folder in DATA_DIR, or a bucket with only the temporary files in DATA_DIR. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Database } from '../database/client.ts';
import { type BlobStore, StorageUnavailable } from './blob-store.ts';
import { freeBytes } from './disk-space.ts';
import { createFileStore, type FileStore } from './file-store.ts';
import { createFolderStore } from './folder-store.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporary-folder.ts';

/** The settings of the same names. */
export type StorageSettings = {
  S3_BUCKET?: string | undefined;
  S3_ENDPOINT?: string | undefined;
  S3_REGION: string;
  S3_FORCE_PATH_STYLE: 'on' | 'off';
  S3_ACCESS_KEY_ID?: string | undefined;
  S3_SECRET_ACCESS_KEY?: string | undefined;
};

export type OpenStorage = { files: FileStore; close(): void };

/** Throws StorageMisconfigured when the bucket refuses this server. A bucket that cannot be reached only logs a warning: it may come back. */
export async function openStorage(
  settings: StorageSettings,
  { dataDir, prisma, log }: { dataDir: string; prisma: Database; log: Logger },
): Promise<OpenStorage> {
  const folder = join(dataDir, 'files');
  const free = () => freeBytes(folder);
  const temporaryFolder = createTemporaryFolder(join(folder, 'temporary'), free);
  const blobs = await openStore(settings, folder, temporaryFolder);
  try {
    await blobs.check();
  } catch (error) {
    if (!(error instanceof StorageUnavailable)) {
      blobs.close();
      throw error;
    }
    log.warn(
      { err: error },
      'the bucket cannot be reached; the server starts, and files are unavailable until it answers',
    );
  }
  return { files: createFileStore({ blobs, temporaryFolder, prisma, log, free }), close: () => blobs.close() };
}

async function openStore(
  settings: StorageSettings,
  folder: string,
  temporaryFolder: TemporaryFolder,
): Promise<BlobStore> {
  const { S3_BUCKET, S3_ENDPOINT, S3_REGION, S3_FORCE_PATH_STYLE, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = settings;
  if (S3_BUCKET === undefined) return createFolderStore(folder);
  // Loaded on demand: the SDK costs 0.2 seconds and 20 MB.
  const { createBucketStore } = await import('./bucket-store.ts');
  const hasKey = S3_ACCESS_KEY_ID !== undefined && S3_SECRET_ACCESS_KEY !== undefined;
  return createBucketStore(
    {
      bucket: S3_BUCKET,
      endpoint: S3_ENDPOINT,
      region: S3_REGION,
      forcePathStyle: S3_FORCE_PATH_STYLE === 'on',
      credentials: hasKey ? { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY } : undefined,
    },
    temporaryFolder,
  );
}
