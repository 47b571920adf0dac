/**
 * All that the simulator remembers: requests, files, and the models it made. In memory for reading, in a journal for
 * the next start. Requests and files are forgotten seven days after they came, as at fal; a trained model is known for
 * ever, so that a copy of a LoRA can be put back up long after fal has lost the original.
 */
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { type Avatar, avatarSchema, type FalRequest, requestSchema } from '../queue/request.ts';
import { type Journal, openJournal } from './journal.ts';

const keptMs = 7 * 24 * 60 * 60_000;
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
  /** Keeps a new request, or a known one as it is now. Resolves when that would survive kill -9. */
  putRequest(request: FalRequest): Promise<void>;
  /** The request that made the file or picture of that id. */
  makerOf(fileId: string): FalRequest | undefined;
  files(): Iterable<StoredFile>;
  file(id: string): StoredFile | undefined;
  /** A file that comes without an `expiresAt` of its own is kept for seven days. */
  putFile(file: Omit<StoredFile, 'expiresAt'> & { expiresAt?: number | undefined }): Promise<StoredFile>;
  avatar(kind: Avatar['kind'], id: string): Avatar | undefined;
  putAvatar(avatar: Avatar): Promise<void>;
  close(): Promise<void>;
}

/** Reads the folder's store. `drop` is told of each file that is forgotten, to remove its bytes. */
export async function openStore(folder: string, clock: Clock, drop: (file: StoredFile) => void): Promise<Store> {
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
    putRequest: (request) => keep({ is: 'request', request }),
    makerOf(fileId) {
      const isMaker = ({ trained }: FalRequest) => trained?.lora?.id === fileId || trained?.config?.id === fileId;
      return requests.get(fileId) ?? [...requests.values()].find(isMaker);
    },
    files: () => files.values(),
    file(id) {
      const file = files.get(id);
      return file !== undefined && file.expiresAt > clock.now() ? file : undefined;
    },
    async putFile(given) {
      const file = { ...given, expiresAt: given.expiresAt ?? clock.now() + keptMs };
      await keep({ is: 'file', file });
      return file;
    },
    avatar: (kind, id) => avatars.get(`${kind} ${id}`),
    putAvatar: (avatar) => keep({ is: 'avatar', avatar }),
    close: () => journal.close(),
  };

  async function keep(entry: Entry): Promise<void> {
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
    for (const { id, acceptedAt } of requests.values()) if (acceptedAt + keptMs <= sweptAt) requests.delete(id);
    for (const file of files.values()) {
      if (file.expiresAt > sweptAt) continue;
      files.delete(file.id);
      drop(file);
    }
  }
}
