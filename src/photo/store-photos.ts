/** Stores the accepted photos, and makes the verdict on each uploaded file. */
import { createReadStream } from 'node:fs';
import type { Avatar, Photo, PhotoWarning } from '../../prisma/generated/client/client.ts';
import type { App } from '../app/app.ts';
import type { Tx } from '../database/client.ts';
import type { WrittenFile } from '../storage/temporary-folder.ts';
import type { AcceptedPhoto } from './inspect.ts';
import {
  acceptedMessage,
  type PhotoProblem,
  photoLimits,
  type Rejection,
  rejectByAvatar,
  rejectedMessage,
} from './rules.ts';

/** What became of one uploaded file. */
export type PhotoVerdict = {
  fileName: string;
  photo: Photo | null;
  problems: PhotoProblem[];
  warnings: PhotoWarning[];
  message: string;
};

export type InspectedFile = { fileName: string; path: string; inspection: Rejection | AcceptedPhoto };

type Candidate = { fileName: string } & ({ rejection: Rejection } | { accepted: AcceptedPhoto; file: WrittenFile });

/** Writes the accepted files to storage, one after the other. It adds no row, so a crash leaves only files to sweep. */
export async function writeFiles(app: Pick<App, 'files'>, inspected: InspectedFile[]): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const { fileName, path, inspection } of inspected) {
    if ('problem' in inspection) candidates.push({ fileName, rejection: inspection });
    else {
      const file = await app.files.write(createReadStream(path), { maxBytes: photoLimits.maxBytes });
      candidates.push({ fileName, accepted: inspection, file });
    }
  }
  return candidates;
}

export const filesOf = (candidates: Candidate[]) =>
  candidates.flatMap((candidate) =>
    'file' in candidate ? { ...candidate.file, contentType: candidate.accepted.mimeType } : [],
  );

/** Adds a row for each new photo. Call it with the avatar locked. Of two files with the same bytes it adds the first. */
export async function insertPhotos(tx: Tx, avatar: Avatar, candidates: Candidate[]): Promise<PhotoVerdict[]> {
  const present = await tx.photo.findMany({
    where: { avatarId: avatar.id },
    select: { position: true, fileHash: true },
  });
  const hashes = new Set(present.map((photo) => photo.fileHash));
  let position = Math.max(0, ...present.map((photo) => photo.position));
  const insert = async (candidate: Candidate): Promise<PhotoVerdict> => {
    if ('rejection' in candidate) return rejected(candidate);
    const { fileName, accepted, file } = candidate;
    const rejection = rejectByAvatar(file.hash, hashes);
    if (rejection) return rejected({ fileName, rejection });
    position += 1;
    hashes.add(file.hash);
    const { findings, ...measures } = accepted;
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
    return { fileName, photo, problems: [], warnings, message: acceptedMessage(findings) };
  };
  const verdicts: PhotoVerdict[] = [];
  for (const candidate of candidates) verdicts.push(await insert(candidate));
  return verdicts;
}

function rejected({ fileName, rejection }: { fileName: string; rejection: Rejection }): PhotoVerdict {
  return { fileName, photo: null, problems: [rejection.problem], warnings: [], message: rejectedMessage(rejection) };
}
