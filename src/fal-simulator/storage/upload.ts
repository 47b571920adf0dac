/**
 * fal's uploads: the client requests an upload URL with the key, then PUTs the bytes there without the key. The official
 * client uploads files over 90 MiB in parts. A restart of the simulator aborts unfinished uploads.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Reply } from '../http/reply.ts';
import { filePath, fileSlug, type Storage } from './files.ts';

const uploadLifetimeMs = 60 * 60_000;
const maxOpenUploads = 1000;
const maxPartBytes = 64 * 2 ** 20;

const initiateSchema = z.object({ content_type: z.string().min(1).max(200), file_name: z.string().min(1).max(500) });
const lifecycleSchema = z.object({ expiration_duration_seconds: z.number().positive().optional() });
const completeSchema = z.object({ parts: z.array(z.object({ partNumber: z.int(), etag: z.string() })).min(1) });

type Upload = {
  id: string;
  name: string;
  contentType: string;
  multipart: boolean;
  lifetimeMs: number | undefined;
  /** The MD5 of each received part, by its number. */
  parts: Map<number, string>;
  openedAt: number;
};

export interface Uploads {
  initiate(body: unknown, lifecycle: string | undefined, multipart: boolean): Reply;
  put(id: string, bytes: Readable): Promise<Reply>;
  putPart(id: string, number: number, bytes: Readable): Promise<Reply>;
  complete(id: string, body: unknown): Promise<Reply>;
}

const notFound: Reply = { status: 404, body: { detail: 'Upload not found' } };

export function openUploads(storage: Storage, clock: Clock, baseUrl: string): Uploads {
  const open = new Map<string, Upload>();
  const folderOf = (id: string) => join(storage.scratch, id);

  return {
    initiate(body, lifecycle, multipart) {
      const request = initiateSchema.safeParse(body);
      if (!request.success) return { status: 422, body: { detail: 'content_type and file_name are required' } };
      dropExpired();
      const { file_name: name, content_type: contentType } = request.data;
      const id = randomUUID();
      const lifetimeMs = lifetimeOf(lifecycle);
      open.set(id, { id, name, contentType, multipart, lifetimeMs, parts: new Map(), openedAt: clock.now() });
      const upload_url = `${baseUrl}/upload/${fileSlug(id, name)}`;
      return { status: 200, body: { upload_url, file_url: `${baseUrl}${filePath({ id, name })}` } };
    },

    async put(id, bytes) {
      const upload = open.get(id);
      if (upload === undefined || upload.multipart) return notFound;
      await storage.put(bytes, fileOptions(upload));
      open.delete(id);
      return { status: 200 };
    },

    async putPart(id, number, bytes) {
      const upload = open.get(id);
      if (!upload?.multipart || number < 1 || number > 10_000) return notFound;
      await mkdir(folderOf(id), { recursive: true });
      const hash = createHash('md5');
      let size = 0;
      const measure = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          size += chunk.length;
          done(size > maxPartBytes ? new Error('The part is too large') : null, chunk);
        },
      });
      await pipeline(bytes, measure, createWriteStream(join(folderOf(id), String(number))));
      const etag = hash.digest('hex');
      upload.parts.set(number, etag);
      return { status: 200, body: { partNumber: number, etag } };
    },

    async complete(id, body) {
      const upload = open.get(id);
      if (!upload?.multipart) return notFound;
      const request = completeSchema.safeParse(body);
      const parts = request.success ? request.data.parts : [];
      if (
        parts.length !== upload.parts.size ||
        parts.some((p, i) => p.partNumber !== i + 1 || upload.parts.get(i + 1) !== p.etag)
      ) {
        return { status: 400, body: { detail: 'The parts do not match what was uploaded' } };
      }
      await storage.put(
        concatenated(parts.map(({ partNumber }) => join(folderOf(id), String(partNumber)))),
        fileOptions(upload),
      );
      open.delete(id);
      await rm(folderOf(id), { recursive: true, force: true });
      return { status: 200, body: {} };
    },
  };

  function fileOptions({ id, name, contentType, lifetimeMs }: Upload) {
    const expiresAt = lifetimeMs === undefined ? undefined : clock.now() + lifetimeMs;
    return { id, name, contentType, expiresAt };
  }

  function dropExpired(): void {
    for (const { id, openedAt } of open.values()) {
      if (openedAt + uploadLifetimeMs > clock.now() && open.size < maxOpenUploads) return;
      open.delete(id);
      void rm(folderOf(id), { recursive: true, force: true });
    }
  }
}

async function* concatenated(paths: string[]): AsyncIterable<Buffer> {
  for (const path of paths) yield* createReadStream(path) as AsyncIterable<Buffer>;
}

/** The lifetime of the file from the header `x-fal-object-lifecycle`. */
function lifetimeOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  try {
    const seconds = lifecycleSchema.parse(JSON.parse(header)).expiration_duration_seconds;
    return seconds === undefined ? undefined : seconds * 1000;
  } catch {
    return undefined;
  }
}
