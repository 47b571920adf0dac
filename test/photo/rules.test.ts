import { describe, expect, test } from 'vitest';
import {
  acceptedMessage,
  findingsOf,
  photoLimits,
  rejectByAvatar,
  rejectByShape,
  rejectBySize,
  rejectByType,
  rejectedMessage,
} from '../../src/photo/rules.ts';

test.each([
  { byteSize: 0, isTruncated: false, problem: 'EMPTY' },
  { byteSize: 1, isTruncated: false, problem: undefined },
  { byteSize: 20_000_000, isTruncated: false, problem: undefined },
  { byteSize: 20_000_001, isTruncated: false, problem: 'TOO_LARGE' },
  { byteSize: 20_000_000, isTruncated: true, problem: 'TOO_LARGE' },
])('size %j', ({ problem, ...file }) => {
  expect(rejectBySize(file)?.problem).toBe(problem);
});

test.each([
  ['image/jpeg', undefined],
  ['image/png', undefined],
  ['image/webp', undefined],
  ['image/gif', 'UNSUPPORTED_FORMAT'],
  ['image/apng', 'UNSUPPORTED_FORMAT'],
  ['image/heic', 'UNSUPPORTED_FORMAT'],
  ['image/svg+xml', 'UNSUPPORTED_FORMAT'],
  ['application/pdf', 'NOT_AN_IMAGE'],
  ['application/octet-stream', 'NOT_AN_IMAGE'],
])('type %s: %s', (mimeType, problem) => {
  expect(rejectByType(mimeType)?.problem).toBe(problem);
});

test.each([
  { width: 512, height: 512, frames: 1, problem: undefined },
  { width: 511, height: 4000, frames: 1, problem: 'TOO_SMALL' },
  { width: 4000, height: 511, frames: 1, problem: 'TOO_SMALL' },
  { width: 8000, height: 6250, frames: 1, problem: undefined },
  { width: 8000, height: 6251, frames: 1, problem: 'TOO_MANY_PIXELS' },
  { width: 65_536, height: 65_536, frames: 1, problem: 'TOO_MANY_PIXELS' },
  { width: 800, height: 800, frames: 2, problem: 'UNSUPPORTED_FORMAT' },
])('shape %j', ({ problem, ...shape }) => {
  expect(rejectByShape(shape)?.problem).toBe(problem);
});

test('when the avatar is full, a duplicate is reported as duplicate, and a new file as one too many', () => {
  const hashes = (count: number) => new Set(Array.from({ length: count }, (_, index) => `hash ${index}`));
  expect(rejectByAvatar('new', hashes(photoLimits.maxPhotos - 1))).toBeUndefined();
  expect(rejectByAvatar('new', hashes(photoLimits.maxPhotos))?.problem).toBe('AVATAR_FULL');
  expect(rejectByAvatar('hash 0', hashes(photoLimits.maxPhotos))?.problem).toBe('DUPLICATE');
});

describe('warnings', () => {
  const plain = { byteSize: 50_000, width: 1000, height: 1000, lumaMean: 128, lumaDeviation: 40 };

  test.each([
    [{}, []],
    [{ width: 4096 }, ['ELONGATED']],
    [{ width: 4096, height: 4096 }, []],
    [{ width: 4096, height: 4097 }, ['HUGE']],
    [{ width: 3000 }, []],
    [{ width: 3001 }, ['ELONGATED']],
    [{ height: 3001 }, ['ELONGATED']],
    [{ byteSize: 49_999 }, ['TINY_FILE']],
    [{ lumaMean: 30 }, []],
    [{ lumaMean: 29.9 }, ['TOO_DARK']],
    [{ lumaMean: 220 }, []],
    [{ lumaMean: 220.1 }, ['TOO_BRIGHT']],
    [{ lumaDeviation: 15 }, []],
    [{ lumaDeviation: 14.9 }, ['LOW_CONTRAST']],
    [{ byteSize: 1, lumaMean: 0, lumaDeviation: 0 }, ['TINY_FILE', 'TOO_DARK', 'LOW_CONTRAST']],
  ])('%j: %j', (measures, warnings) => {
    expect(findingsOf({ ...plain, ...measures }).map((finding) => finding.warning)).toEqual(warnings);
  });
});

test('a verdict message is a sentence', () => {
  expect(acceptedMessage([])).toBe('Kept.');
  const dark = findingsOf({ byteSize: 1, width: 600, height: 600, lumaMean: 0, lumaDeviation: 40 });
  expect(acceptedMessage(dark)).toBe(
    'Kept, but its file is under 50 KB, perhaps over-compressed, and it is very dark.',
  );
  const small = rejectByShape({ width: 300, height: 900, frames: 1 });
  expect(small && rejectedMessage(small)).toBe('Refused: its shorter side is 300 px, at least 512 are needed.');
});
