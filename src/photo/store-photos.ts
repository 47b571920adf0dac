/** Keeping the photos that were found sound, and saying of each file what became of it. */
import { createReadStream } from 'node:fs';
import type { Avatar, Photo, PhotoWarning } from '../../prisma/generated/client/client.ts';
import type { App } from '../app/app.ts';
import type { Tx } from '../database/client.ts';
import type { WrittenFile } from '../storage/temporary-folder.ts';
import type { SoundPhoto } from './inspect.ts';
import {
  keptMessage,
  type PhotoProblem,
  type PhotoRefusal,
  photoLimits,
  refusalByAvatar,
  refusedMessage,
} from './rules.ts';

/** What became of one uploaded file. */
export type PhotoVerdict = {
  fileName: string;
  photo: Photo | null;
  problems: PhotoProblem[];
  warnings: PhotoWarning[];
  message: string;
};

export type Inspected = { fileName: string; path: string; finding: PhotoRefusal | SoundPhoto };

type Candidate = { fileName: string } & ({ refusal: PhotoRefusal } | { sound: SoundPhoto; file: WrittenFile });

/** Puts the sound ones into our storage, one after the other. Nothing is recorded yet. */
export async function writeSound(app: Pick<App, 'files'>, inspected: Inspected[]): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const { fileName, path, finding } of inspected) {
    if ('problem' in finding) candidates.push({ fileName, refusal: finding });
    else {
      const file = await app.files.write(createReadStream(path), { maxBytes: photoLimits.maxBytes });
      candidates.push({ fileName, sound: finding, file });
    }
  }
  return candidates;
}

export const filesOf = (candidates: Candidate[]) =>
  candidates.flatMap((candidate) =>
    'file' in candidate ? { ...candidate.file, contentType: candidate.sound.mimeType } : [],
  );

/** In the transaction that holds the avatar's lock. Of two files with the same bytes the first is kept. */
export async function keepPhotos(tx: Tx, avatar: Avatar, candidates: Candidate[]): Promise<PhotoVerdict[]> {
  const present = await tx.photo.findMany({
    where: { avatarId: avatar.id },
    select: { position: true, fileHash: true },
  });
  const hashes = new Set(present.map((photo) => photo.fileHash));
  let position = Math.max(0, ...present.map((photo) => photo.position));
  const judge = async (candidate: Candidate): Promise<PhotoVerdict> => {
    if ('refusal' in candidate) return refused(candidate);
    const { fileName, sound, file } = candidate;
    const refusal = refusalByAvatar(file.hash, hashes);
    if (refusal) return refused({ fileName, refusal });
    position += 1;
    hashes.add(file.hash);
    const { findings, ...measures } = sound;
    const warnings = findings.map((finding) => finding.warning);
    const photo = await tx.photo.create({
      data: {
        ...measures,
        avatarId: avatar.id,
        ownerId: avatar.ownerId,
        position,
        fileHash: file.hash,
        byteSize: file.byteSize,
        fileName,
        warnings,
      },
    });
    return { fileName, photo, problems: [], warnings, message: keptMessage(findings) };
  };
  const verdicts: PhotoVerdict[] = [];
  for (const candidate of candidates) verdicts.push(await judge(candidate));
  return verdicts;
}

function refused({ fileName, refusal }: { fileName: string; refusal: PhotoRefusal }): PhotoVerdict {
  return { fileName, photo: null, problems: [refusal.problem], warnings: [], message: refusedMessage(refusal) };
}
