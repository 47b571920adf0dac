/**
 * fal keeps a LoRA's file for a while, not for ever: our own copy goes back up when fal has lost it. Of an imported avatar
 * there is no copy, and its file is looked at where its owner has put it.
 */
import { openAsBlob } from 'node:fs';
import type { Avatar } from '../../prisma/generated/client/client.ts';
import type { App } from '../app/app.ts';
import { FalError } from '../fal/errors.ts';
import type { Fal } from '../fal/port.ts';
import { lookAt, maxLoraBytes } from '../remote-file/check-content.ts';

/** An avatar whose file fal had within the hour is not looked at again. */
const seenForMs = 60 * 60_000;

export type LoraParts = Pick<App, 'prisma' | 'files' | 'now' | 'log'> & {
  fal: Pick<Fal, 'download' | 'upload'>;
  /** Whether fal is a simulator on this machine, which may be sent to files here. */
  allowLoopback: boolean;
};

/**
 * A URL at fal that holds the avatar's LoRA, as it is now: the avatar's own, or a new one, which the avatar then has. Running
 * twice at once makes two files at fal, of which the avatar keeps one. Throws FalError when the
 * upload fails, or when the file of an imported avatar is none that fal may be sent to.
 */
export async function loraUrl(parts: LoraParts, avatar: Avatar, signal: AbortSignal): Promise<string | null> {
  const { diffusersLoraFileUrl: url, loraFileHash: hash, loraSeenAt } = avatar;
  if (url === null) return url;
  const now = parts.now();
  if (loraSeenAt !== null && now.getTime() - loraSeenAt.getTime() < seenForMs) return url;
  if (hash === null) await assertReadable(parts, url, signal);
  const lost = hash !== null && (await isLost(parts.fal, url, signal));
  const putBackUp = async (path: string) => parts.fal.upload(await openAsBlob(path), { fileName, signal });
  const atFal = lost ? await parts.files.withLocalFile(hash, putBackUp) : url;
  if (lost) parts.log.warn({ avatarId: avatar.id }, 'fal had lost a LoRA file; our copy was put back up');
  // Not if a training has given the avatar another model meanwhile.
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

/** Only a clear answer counts: while fal's file store is not to be reached, the file is believed to be there. */
async function isLost(fal: Pick<Fal, 'download'>, url: string, signal: AbortSignal): Promise<boolean> {
  try {
    (await fal.download(url, { maxBytes: maxLoraBytes, signal })).destroy();
    return false;
  } catch (error) {
    if (error instanceof FalError) return !error.transient;
    throw error;
  }
}
