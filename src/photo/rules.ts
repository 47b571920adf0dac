/** What a photo must be and what it might be better without. Pure: measures in, a refusal or warnings out. */
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

/** Why a photo is not kept. */
export type PhotoRefusal = { problem: PhotoProblem; reason: string };

/** What decoding a photo showed. */
export type PhotoMeasures = {
  byteSize: number;
  /** Pixels, after EXIF rotation, as the height. */
  width: number;
  height: number;
  /** 0 black to 255 white. */
  lumaMean: number;
  lumaDeviation: number;
};

export type PhotoFinding = { warning: PhotoWarning; reason: string };

export function refusalOfSize({ byteSize, isTruncated }: { byteSize: number; isTruncated: boolean }) {
  if (isTruncated || byteSize > photoLimits.maxBytes) return refuse('TOO_LARGE', 'it has more than 20 MB');
  if (byteSize === 0) return refuse('EMPTY', 'the file is empty');
  return undefined;
}

const acceptedTypes: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/webp']);

/** By what the content is. */
export function refusalOfType(mimeType: string): PhotoRefusal | undefined {
  if (!mimeType.startsWith('image/')) {
    return refuse('NOT_AN_IMAGE', 'its content is no image, whatever its name says');
  }
  if (acceptedTypes.has(mimeType)) return undefined;
  return refuse('UNSUPPORTED_FORMAT', `it is ${mimeType}; save it as JPEG, PNG or WebP`);
}

/** By what the header says: the picture is not decoded yet. */
export function refusalOfShape({ width, height, frames }: { width: number; height: number; frames: number }) {
  if (frames > 1) return refuse('UNSUPPORTED_FORMAT', `it is an animation of ${frames} frames; save one of them`);
  if (width * height > photoLimits.maxPixels) {
    return refuse('TOO_MANY_PIXELS', `it is ${width} x ${height} px, more than 50 megapixels`);
  }
  if (Math.min(width, height) < photoLimits.minSide) {
    return refuse('TOO_SMALL', `its shorter side is ${Math.min(width, height)} px, at least 512 are needed`);
  }
  return undefined;
}

export const corrupt = refuse('CORRUPT', 'it is damaged or cut off: it does not decode to its end');

/** By what the avatar has already: the hashes of its photos' files. */
export function refusalByAvatar(hash: string, present: ReadonlySet<string>): PhotoRefusal | undefined {
  if (present.has(hash)) return refuse('DUPLICATE', 'this avatar has the same file already');
  if (present.size >= photoLimits.maxPhotos) {
    return refuse('AVATAR_FULL', `this avatar has ${present.size} photos already, the most that it may have`);
  }
  return undefined;
}

export function findingsOf({ byteSize, width, height, lumaMean, lumaDeviation }: PhotoMeasures): PhotoFinding[] {
  const longer = Math.max(width, height);
  const shorter = Math.min(width, height);
  const findings: (PhotoFinding | false)[] = [
    longer > 4096 && { warning: 'HUGE', reason: `its longer side is ${longer} px, more than is of use` },
    longer > 3 * shorter && { warning: 'ELONGATED', reason: 'it is more than three times as long as wide' },
    byteSize < 50_000 && { warning: 'TINY_FILE', reason: 'its file is under 50 KB, perhaps over-compressed' },
    lumaMean < 30 && { warning: 'TOO_DARK', reason: 'it is very dark' },
    lumaMean > 220 && { warning: 'TOO_BRIGHT', reason: 'it is very bright' },
    lumaDeviation < 15 && { warning: 'LOW_CONTRAST', reason: 'it has very little contrast' },
  ];
  return findings.filter((finding) => finding !== false);
}

/** The verdict in a sentence for people. */
export function keptMessage(findings: PhotoFinding[]): string {
  if (findings.length === 0) return 'Kept.';
  return `Kept, but ${findings.map((finding) => finding.reason).join(', and ')}.`;
}

export const refusedMessage = ({ reason }: PhotoRefusal) => `Refused: ${reason}.`;

function refuse(problem: PhotoProblem, reason: string): PhotoRefusal {
  return { problem, reason };
}
