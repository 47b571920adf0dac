/** Drawing without pictures: two files a job, of bytes that name their request, in a store in memory. */
import { createHash } from 'node:crypto';
import type { Task } from '../../src/job/task.ts';
import type { FileStore } from '../../src/storage/file-store.ts';
import type { Gate } from './fal.ts';

export const picturesOf = (requestId: string, tag: string) => [0, 1].map((n) => `picture ${n} of ${requestId}: ${tag}`);
export const hashOf = (bytes: string) => createHash('sha256').update(bytes).digest('hex');

/** Files by hash; what is in it outlives every process. */
export class SimulatedStore {
  readonly files = new Map<string, string>();

  get port(): FileStore {
    const store: Pick<FileStore, 'record' | 'assertSpace'> = {
      async record(tx, files) {
        for (const { hash, byteSize, contentType } of files) {
          await tx.$executeRaw`INSERT INTO "StoredFile" ("hash", "byteSize", "contentType") VALUES (${hash}, ${byteSize}, ${contentType})
            ON CONFLICT ("hash") DO UPDATE SET "putAt" = CURRENT_TIMESTAMP`;
        }
      },
      assertSpace: () => Promise.resolve(),
    };
    return store as FileStore;
  }
}

export function simulatedTask(store: SimulatedStore, gate: Gate): Task {
  return {
    kind: 'GENERATION',
    prepare: async (job) => {
      await gate('prepare');
      return { input: job.input as Record<string, unknown> };
    },
    totalSteps: () => undefined,
    async copy(_job, result) {
      const { request, tag } = result as { request: string; tag: string };
      const files = [];
      for (const bytes of picturesOf(request, tag)) {
        await gate('copy');
        const hash = hashOf(bytes);
        store.files.set(hash, bytes);
        files.push({ hash, byteSize: bytes.length, contentType: 'image/png' });
      }
      return { files };
    },
    async keep(tx, job, { files }) {
      const picture = { contentType: 'image/png', width: 1, height: 1, blurhash: '', hasNsfwConcepts: false };
      await tx.generatedImage.createMany({
        data: files.map(({ hash, byteSize }, position) => ({
          ...picture,
          byteSize,
          fileHash: hash,
          position,
          ownerId: job.ownerId,
          generationId: job.id,
        })),
      });
      return { output: { images: files.length }, delivered: files.length };
    },
    release: () => Promise.resolve(),
    retry: () => Promise.reject(new Error('The simulation retries by itself.')),
    fieldName: (_job, field) => field,
  };
}
