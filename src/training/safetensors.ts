/**
 * Checks whether a file has the safetensors format of LoRA weights: eight bytes with the length of a JSON header, the
 * header, and then exactly the bytes that the header lists. https://huggingface.co/docs/safetensors
 */
import { open } from 'node:fs/promises';
import { z } from 'zod';

/** The limit of the format. */
const maxHeaderBytes = 100_000_000;

const offset = z.int().nonnegative();
const tensor = z.object({ dtype: z.string(), shape: z.array(offset), data_offsets: z.tuple([offset, offset]) });
const header = z
  .preprocess((json) => withoutMetadata(json), z.record(z.string(), tensor))
  .transform((tensors) => Object.values(tensors).map(({ data_offsets: [begin, end] }) => ({ begin, end })));

/** Reads the header only, never the weights. */
export async function isSafetensors(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(8), 0, 8, 0);
    if (bytesRead < 8) return false;
    const headerBytes = Number(buffer.readBigUInt64LE());
    if (headerBytes > maxHeaderBytes || 8 + headerBytes > size) return false;
    const json = await file.read(Buffer.alloc(headerBytes), 0, headerBytes, 8);
    return fillsData(json.buffer.toString(), size - 8 - headerBytes);
  } finally {
    await file.close();
  }
}

/** Whether the header's tensors fill exactly this many bytes, without gaps or overlaps. */
function fillsData(text: string, dataBytes: number): boolean {
  const parsed = header.safeParse(parseJson(text));
  if (!parsed.success || parsed.data.length === 0) return false;
  let filled = 0;
  for (const { begin, end } of parsed.data.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== filled || end < begin) return false;
    filled = end;
  }
  return filled === dataBytes;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function withoutMetadata(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).filter(([name]) => name !== '__metadata__'));
}
