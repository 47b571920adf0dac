import { expect, test } from 'vitest';
import { parseRange } from '../../src/storage/range.ts';

test.each([
  [undefined, 100, undefined],
  ['bytes=0-9', 100, { start: 0, end: 9 }],
  ['bytes=90-', 100, { start: 90, end: 99 }],
  ['bytes=90-900', 100, { start: 90, end: 99 }],
  ['bytes=-10', 100, { start: 90, end: 99 }],
  ['bytes=-900', 100, { start: 0, end: 99 }],
  ['bytes=99-99', 100, { start: 99, end: 99 }],
  ['bytes=100-', 100, 'UNSATISFIABLE'],
  ['bytes=-0', 100, 'UNSATISFIABLE'],
  ['bytes=0-', 0, 'UNSATISFIABLE'],
  ['bytes=-5', 0, 'UNSATISFIABLE'],
  ['bytes=9-3', 100, undefined],
  ['bytes=-', 100, undefined],
  ['bytes=0-1,5-6', 100, undefined],
  ['bytes=a-b', 100, undefined],
  ['items=0-9', 100, undefined],
  ['bytes=9999999999999999-', 100, undefined],
] as const)('%s of %i bytes: %j', (header, byteSize, expected) => {
  expect(parseRange(header, byteSize)).toEqual(expected);
});
