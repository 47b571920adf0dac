/** Pure: which uploaded files are accepted as photos, and which accepted photos get a warning. */
import type { PhotoWarning } from '../../prisma/generated/client/client.ts';

export type PhotoProblem =
  | 'EMPTY'
  | 'TOO_LARGE'
  | 'NOT_AN_IMAGE'
  | 'UNSUPPORTED_FORMAT'
  | 'CORRUPT'
  | 'TOO_SMALL'
  | 'TOO_MANY_PIXELS'
  | 'DUPLICATE'
  | 'AVATAR_FULL';

/** Bytes, pixels and photos. A megabyte is a million bytes. */
export const photoLimits = {
  maxBytes: 20_000_000,
  minSide: 512,
  maxPixels: 50_000_000,
  maxPhotos: 20,
} as const;

/** Why a file is rejected. `reason` completes a sentence that starts with "Refused: ". */
export type Rejection = { problem: PhotoProblem; reason: string };

/** What decoding a photo measured. */
export type PhotoMeasures = {
  byteSize: number;
  /** Pixels, after EXIF rotation. So is the height. */
  width: number;
  height: number;
  /** From 0, black, to 255, white. */
  lumaMean: number;
  lumaDeviation: number;
};

export type PhotoFinding = { warning: PhotoWarning; reason: string };

export function rejectBySize({ byteSize, isTruncated }: { byteSize: number; isTruncated: boolean }) {
  if (isTruncated || byteSize > photoLimits.maxBytes) return reject('TOO_LARGE', 'it has more than 20 MB');
  if (byteSize === 0) return reject('EMPTY', 'the file is empty');
  return undefined;
}

const acceptedTypes: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/webp']);

/** `mimeType` is read from the content, not from the name. */
export function rejectByType(mimeType: string): Rejection | undefined {
  if (!mimeType.startsWith('image/')) {
    return reject('NOT_AN_IMAGE', 'its content is not an image, whatever its name says');
  }
  if (acceptedTypes.has(mimeType)) return undefined;
  return reject('UNSUPPORTED_FORMAT', `it is ${mimeType}; save it as JPEG, PNG or WebP`);
}

/** Takes what the header says, so that a large picture is rejected before it is decoded. */
export function rejectByShape({ width, height, frames }: { width: number; height: number; frames: number }) {
  if (frames > 1) return reject('UNSUPPORTED_FORMAT', `it is an animation of ${frames} frames; save one of them`);
  if (width * height > photoLimits.maxPixels) {
    return reject('TOO_MANY_PIXELS', `it is ${width} x ${height} px, more than 50 megapixels`);
  }
  if (Math.min(width, height) < photoLimits.minSide) {
    return reject('TOO_SMALL', `its shorter side is ${Math.min(width, height)} px, at least 512 are needed`);
  }
  return undefined;
}

export const corrupt = reject('CORRUPT', 'it is damaged or cut off and cannot be decoded to its end');

/** `present` has the hashes of the avatar's photos. */
export function rejectByAvatar(hash: string, present: ReadonlySet<string>): Rejection | undefined {
  if (present.has(hash)) return reject('DUPLICATE', 'this avatar already has the same file');
  if (present.size >= photoLimits.maxPhotos) {
    return reject('AVATAR_FULL', `this avatar already has ${present.size} photos, which is the maximum`);
  }
  return undefined;
}

export function findingsOf({ byteSize, width, height, lumaMean, lumaDeviation }: PhotoMeasures): PhotoFinding[] {
  const longer = Math.max(width, height);
  const shorter = Math.min(width, height);
  const findings: (PhotoFinding | false)[] = [
    longer > 4096 && { warning: 'HUGE', reason: `its longer side is ${longer} px, more than training uses` },
    longer > 3 * shorter && { warning: 'ELONGATED', reason: 'one side is more than three times as long as the other' },
    byteSize < 50_000 && { warning: 'TINY_FILE', reason: 'its file is under 50 KB, perhaps over-compressed' },
    lumaMean < 30 && { warning: 'TOO_DARK', reason: 'it is very dark' },
    lumaMean > 220 && { warning: 'TOO_BRIGHT', reason: 'it is very bright' },
    lumaDeviation < 15 && { warning: 'LOW_CONTRAST', reason: 'it has very little contrast' },
  ];
  return findings.filter((finding) => finding !== false);
}

export function acceptedMessage(findings: PhotoFinding[]): string {
  if (findings.length === 0) return 'Kept.';
  return `Kept, but ${findings.map((finding) => finding.reason).join(', and ')}.`;
}

export const rejectedMessage = ({ reason }: Rejection) => `Refused: ${reason}.`;

function reject(problem: PhotoProblem, reason: string): Rejection {
  return { problem, reason };
}
