/**
 * Looks at a file that a user gave the URL of, before fal is told of it: where the URL leads, how large the file is, and
 * by its first bytes whether it is what it should be. What cannot be reached from here is left for fal to judge.
 */
import { fileTypeFromBuffer } from 'file-type';
import { type OutsideOptions, openOutside, Unreadable } from './open.ts';
import { NotPublic } from './ssrf-guard.ts';

/** The weights of a LoRA. fal's portrait trainer makes some 90 MB. */
export const maxLoraBytes = 1024 ** 3;

export type Wanted = keyof typeof kinds;

const kinds = {
  ZIP: {
    maxBytes: 2 * 1024 ** 3,
    is: async (head: Buffer) => head.subarray(0, 4).equals(Buffer.from('PK\x03\x04')),
    problem: 'The file is no ZIP.',
  },
  PICTURE: {
    maxBytes: 25 * 1024 ** 2,
    is: async (head: Buffer) => pictures.has((await fileTypeFromBuffer(head))?.mime ?? ''),
    problem: 'The file is no JPEG, PNG or WebP.',
  },
  LORA: {
    maxBytes: maxLoraBytes,
    // The length of a JSON header, and its first character.
    is: async (head: Buffer) => head.length > 8 && head.readBigUInt64LE() <= 100_000_000n && head[8] === 0x7b,
    problem: 'The file is no safetensors file.',
  },
} as const;

const pictures = new Set(['image/jpeg', 'image/png', 'image/webp']);
/** As much as it takes to tell one kind of file from another. */
const headBytes = 4_100;
const limits = { timeoutMs: 20_000, idleMs: 10_000 };

/** What is wrong with it, in a sentence; undefined when nothing is, or it cannot be told from here. */
export async function lookAt(
  href: string,
  wanted: Wanted,
  options: Pick<OutsideOptions, 'allowLoopback' | 'lookup'> & { signal: AbortSignal },
): Promise<string | undefined> {
  const { maxBytes, is, problem } = kinds[wanted];
  try {
    const { body } = await openOutside(new URL(href), { ...options, ...limits, maxBytes });
    const chunks: Buffer[] = [];
    let bytes = 0;
    // Leaving the loop closes the connection.
    for await (const chunk of body) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes >= headBytes) break;
    }
    return (await is(Buffer.concat(chunks))) ? undefined : problem;
  } catch (error) {
    if (error instanceof NotPublic) return error.message;
    if (!(error instanceof Unreadable)) throw error;
    // With a cause it is the network between us, which need not be the one between fal and the file.
    return error.transient || error.cause !== undefined ? undefined : error.message;
  }
}
