import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { safetensors } from '../../src/fal-simulator/training/safetensors.ts';
import { isSafetensors } from '../../src/training/safetensors.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'likeness-safetensors-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const check = (bytes: Buffer) => {
  const path = join(folder, 'lora');
  writeFileSync(path, bytes);
  return isSafetensors(path);
};

/** A file with this header, its length, and so many bytes of tensors. */
function file(header: unknown, dataBytes: number, length?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([size, json, Buffer.alloc(dataBytes)]);
}

const tensor = (begin: number, end: number) => ({ dtype: 'BF16', shape: [end - begin], data_offsets: [begin, end] });

it.each([
  ['one tensor', file({ a: tensor(0, 4) }, 4)],
  ['two, in any order, with metadata', file({ b: tensor(4, 6), __metadata__: { format: 'pt' }, a: tensor(0, 4) }, 6)],
  ['an empty tensor between', file({ a: tensor(0, 4), none: tensor(4, 4), b: tensor(4, 8) }, 8)],
  ['a header padded with blanks', file(`${JSON.stringify({ a: tensor(0, 4) })}   `, 4)],
  ['what the simulator makes', safetensors('seed', {})],
])('%s is one', async (_what, bytes) => {
  expect(await check(bytes)).toBe(true);
});

it.each([
  ['an empty file', Buffer.alloc(0)],
  ['seven bytes', Buffer.alloc(7)],
  ['zeros', Buffer.alloc(4096)],
  ['an error page', Buffer.from('<html>not found</html>')],
  ['a header longer than the file', file({ a: tensor(0, 4) }, 4, 1000n)],
  ['a header longer than the format allows', file({ a: tensor(0, 4) }, 4, 2n ** 60n)],
  ['a header that is no JSON', file('{"a":', 4)],
  ['a header that is a list', file([], 0)],
  ['a header that is null', file('null', 0)],
  ['no tensors', file({ __metadata__: {} }, 0)],
  ['a tensor without offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4)],
  ['a cut-off file', file({ a: tensor(0, 4) }, 3)],
  ['bytes too many', file({ a: tensor(0, 4) }, 5)],
  ['a gap', file({ a: tensor(0, 4), b: tensor(5, 8) }, 8)],
  ['tensors that overlap', file({ a: tensor(0, 4), b: tensor(3, 8) }, 8)],
  ['a tensor that ends before it begins', file({ a: { ...tensor(0, 4), data_offsets: [0, 4] }, b: tensor(4, 2) }, 2)],
  ['offsets below zero', file({ a: tensor(-4, 4) }, 4)],
])('%s is none', async (_what, bytes) => {
  expect(await check(bytes)).toBe(false);
});
