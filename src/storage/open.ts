/** The files as the settings ask for them: in DATA_DIR, or in a bucket with only the temporary ones there. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Settings } from '../app/config.ts';
import type { Database } from '../database/client.ts';
import { type Place, StorageUnavailable } from './blob-store.ts';
import { freeBytes } from './disk-space.ts';
import { createFileStore, type FileStore } from './files.ts';
import { createFolder } from './folder.ts';
import { createScratch, type Scratch } from './scratch.ts';

export type OpenFiles = { files: FileStore; close(): void };

/** Throws StorageMisconfigured when the bucket refuses this server; one that is away for now may come back. */
export async function openFiles(
  settings: Settings,
  { dataDir, prisma, log }: { dataDir: string; prisma: Database; log: Logger },
): Promise<OpenFiles> {
  const folder = join(dataDir, 'files');
  const free = () => freeBytes(folder);
  const scratch = createScratch(join(folder, 'temporary'), free);
  const place = await openPlace(settings, folder, scratch);
  try {
    await place.check();
  } catch (error) {
    if (!(error instanceof StorageUnavailable)) {
      place.close();
      throw error;
    }
    log.warn({ err: error }, 'The bucket is away; the server starts without it and waits for it.');
  }
  return { files: createFileStore({ place, scratch, prisma, log, free }), close: () => place.close() };
}

async function openPlace(settings: Settings, folder: string, scratch: Scratch): Promise<Place> {
  const { S3_BUCKET, S3_ENDPOINT, S3_REGION, S3_FORCE_PATH_STYLE, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = settings;
  if (S3_BUCKET === undefined) return createFolder(folder);
  // The SDK takes 0.2 seconds and 20 MB to load: only for those who use it.
  const { createBucket } = await import('./bucket.ts');
  const hasKey = S3_ACCESS_KEY_ID !== undefined && S3_SECRET_ACCESS_KEY !== undefined;
  return createBucket(
    {
      bucket: S3_BUCKET,
      endpoint: S3_ENDPOINT,
      region: S3_REGION,
      forcePathStyle: S3_FORCE_PATH_STYLE === 'on',
      credentials: hasKey ? { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY } : undefined,
    },
    scratch,
  );
}
