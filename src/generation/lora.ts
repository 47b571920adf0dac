/**
 * fal deletes files after a while. If fal has lost the LoRA file of an avatar, the server uploads its own copy again. For an
 * imported avatar there is no copy: the server checks the file at the owner's URL instead.
 */
import { openAsBlob } from 'node:fs';
import type { Avatar } from '../../prisma/generated/client/client.ts';
import type { App } from '../app/app.ts';
import { FalError } from '../fal/errors.ts';
import type { Fal } from '../fal/port.ts';
import { lookAt, maxLoraBytes } from '../remote-file/check-content.ts';

/** A file that was at fal within the last hour is not checked again. */
const recheckAfterMs = 60 * 60_000;

export type LoraParts = Pick<App, 'prisma' | 'files' | 'now' | 'log'> & {
  fal: Pick<Fal, 'download' | 'upload'>;
  /** Whether URLs may point at this machine. True only with the simulated fal. */
  allowLoopback: boolean;
};

/**
 * The URL of the avatar's LoRA file, which is still there: the present URL, or the URL of a new upload, which it also stores
 * with the avatar. Null if the avatar has none. Two calls at the same time may upload twice; the avatar keeps one URL.
 * Throws FalError when the upload fails, or when the file of an imported avatar is not a readable LoRA at a public URL.
 */
export async function loraUrl(parts: LoraParts, avatar: Avatar, signal: AbortSignal): Promise<string | null> {
  const { diffusersLoraFileUrl: url, loraFileHash: hash, loraSeenAt } = avatar;
  if (url === null) return url;
  const now = parts.now();
  if (loraSeenAt !== null && now.getTime() - loraSeenAt.getTime() < recheckAfterMs) return url;
  if (hash === null) await assertReadable(parts, url, signal);
  const lost = hash !== null && (await isLost(parts.fal, url, signal));
  const uploadCopy = async (path: string) => parts.fal.upload(await openAsBlob(path), { fileName, signal });
  const atFal = lost ? await parts.files.withLocalFile(hash, uploadCopy) : url;
  if (lost) parts.log.warn({ avatarId: avatar.id }, 'fal had lost a LoRA file; uploaded the stored copy');
  // Changes nothing if a training has given the avatar another model in the meantime.
  await parts.prisma.avatar.updateMany({
    where: { id: avatar.id, diffusersLoraFileUrl: url },
    data: { diffusersLoraFileUrl: atFal, loraSeenAt: now },
  });
  return atFal;
}

async function assertReadable({ allowLoopback }: LoraParts, url: string, signal: AbortSignal): Promise<void> {
  const problem = await lookAt(url, 'LORA', { allowLoopback, signal });
  if (problem !== undefined) throw new FalError('INVALID_INPUT', problem, { field: 'loras.0.path' });
}

const fileName = 'pytorch_lora_weights.safetensors';

/** Whether fal says that the file does not exist. If fal is unreachable, the file counts as present. */
async function isLost(fal: Pick<Fal, 'download'>, url: string, signal: AbortSignal): Promise<boolean> {
  try {
    (await fal.download(url, { maxBytes: maxLoraBytes, signal })).destroy();
    return false;
  } catch (error) {
    if (error instanceof FalError) return !error.transient;
    throw error;
  }
}
