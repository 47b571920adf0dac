/**
 * The simulator's records of requests, files and trained models: in memory, and in a journal for the next start. Requests and
 * files expire after seven days, as at fal. Trained models never expire, so that a copy of a LoRA can be uploaded again after
 * the original has expired.
 */
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { type Avatar, avatarSchema, type FalRequest, requestSchema } from '../queue/request.ts';
import { type Journal, openJournal } from './journal.ts';

const lifetimeMs = 7 * 24 * 60 * 60_000;
const sweepEveryMs = 60_000;

const fileSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  contentType: z.string(),
  size: z.int(),
  sha256: z.string(),
  expiresAt: z.number(),
});
export type StoredFile = z.infer<typeof fileSchema>;

const entrySchema = z.discriminatedUnion('is', [
  z.object({ is: z.literal('request'), request: requestSchema }),
  z.object({ is: z.literal('file'), file: fileSchema }),
  z.object({ is: z.literal('avatar'), avatar: avatarSchema }),
]);
type Entry = z.infer<typeof entrySchema>;

export interface Store {
  requests(): Iterable<FalRequest>;
  request(id: string): FalRequest | undefined;
  /** Adds or replaces a request. Resolves when the change survives kill -9. */
  putRequest(request: FalRequest): Promise<void>;
  /** The request that made the file or picture with that id. */
  makerOf(fileId: string): FalRequest | undefined;
  files(): Iterable<StoredFile>;
  file(id: string): StoredFile | undefined;
  /** Without `expiresAt` the file expires after seven days. */
  putFile(file: Omit<StoredFile, 'expiresAt'> & { expiresAt?: number | undefined }): Promise<StoredFile>;
  avatar(kind: Avatar['kind'], id: string): Avatar | undefined;
  putAvatar(avatar: Avatar): Promise<void>;
  close(): Promise<void>;
}

/** Opens the store in `folder`. Calls `onExpired` for each expired file, to delete its bytes. */
export async function openStore(folder: string, clock: Clock, onExpired: (file: StoredFile) => void): Promise<Store> {
  const requests = new Map<string, FalRequest>();
  const files = new Map<string, StoredFile>();
  const avatars = new Map<string, Avatar>();
  let sweptAt = clock.now();

  const journal: Journal = await openJournal(join(folder, 'journal.jsonl'), (line) => {
    const entry = entrySchema.safeParse(line);
    if (entry.success) apply(entry.data);
  });
  sweep();
  await journal.rewrite(entries());

  return {
    requests: () => requests.values(),
    request: (id) => requests.get(id),
    putRequest: (request) => save({ is: 'request', request }),
    makerOf(fileId) {
      const isMaker = ({ trained }: FalRequest) => trained?.lora?.id === fileId || trained?.config?.id === fileId;
      return requests.get(fileId) ?? [...requests.values()].find(isMaker);
    },
    files: () => files.values(),
    file(id) {
      const file = files.get(id);
      return file !== undefined && file.expiresAt > clock.now() ? file : undefined;
    },
    async putFile(input) {
      const file = { ...input, expiresAt: input.expiresAt ?? clock.now() + lifetimeMs };
      await save({ is: 'file', file });
      return file;
    },
    avatar: (kind, id) => avatars.get(`${kind} ${id}`),
    putAvatar: (avatar) => save({ is: 'avatar', avatar }),
    close: () => journal.close(),
  };

  async function save(entry: Entry): Promise<void> {
    apply(entry);
    await journal.append(entry);
    if (clock.now() - sweptAt < sweepEveryMs) return;
    sweep();
    const alive = requests.size + files.size + avatars.size;
    if (journal.length > 2 * alive + 1000) await journal.rewrite(entries());
  }

  function apply(entry: Entry): void {
    if (entry.is === 'request') requests.set(entry.request.id, entry.request);
    else if (entry.is === 'file') files.set(entry.file.id, entry.file);
    else avatars.set(`${entry.avatar.kind} ${entry.avatar.id}`, entry.avatar);
  }

  function* entries(): Iterable<Entry> {
    for (const avatar of avatars.values()) yield { is: 'avatar', avatar };
    for (const file of files.values()) yield { is: 'file', file };
    for (const request of requests.values()) yield { is: 'request', request };
  }

  function sweep(): void {
    sweptAt = clock.now();
    for (const { id, acceptedAt } of requests.values()) if (acceptedAt + lifetimeMs <= sweptAt) requests.delete(id);
    for (const file of files.values()) {
      if (file.expiresAt > sweptAt) continue;
      files.delete(file.id);
      onExpired(file);
    }
  }
}
