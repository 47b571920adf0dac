/** Writes a LoRA file: valid safetensors (https://huggingface.co/docs/safetensors) with the tensors that FLUX loads. */
import { randomFrom } from '../random.ts';

const rank = 4;
const width = 3072;
const modules = ['to_q', 'to_k', 'to_v', 'to_out.0'].flatMap((part) =>
  [0, 1].map((block) => `transformer.transformer_blocks.${block}.attn.${part}`),
);

/** About 400 KB of small weights that follow from the seed. */
export function safetensors(seed: string, metadata: Record<string, string>): Buffer {
  const header: Record<string, object> = { __metadata__: { format: 'pt', ...metadata } };
  const tensors: Buffer[] = [];
  let offset = 0;
  for (const name of modules) {
    for (const [side, shape] of [['lora_A', [rank, width]] as const, ['lora_B', [width, rank]] as const]) {
      const tensor = bfloat16(`${seed} ${name} ${side}`, rank * width);
      header[`${name}.${side}.weight`] = { dtype: 'BF16', shape, data_offsets: [offset, offset + tensor.length] };
      tensors.push(tensor);
      offset += tensor.length;
    }
  }
  const json = Buffer.from(JSON.stringify(header));
  // Tensors begin at a multiple of eight bytes; the format pads its header with spaces.
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...tensors]);
}

/** Little-endian values between 2^-9 and 2^-5, positive or negative. */
function bfloat16(seed: string, count: number): Buffer {
  const random = randomFrom('weights', seed);
  const buffer = Buffer.alloc(count * 2);
  for (let i = 0; i < count; i += 1) {
    const bits = Math.floor(random.next() * 2 ** 10);
    const exponent = 118 + (bits & 3);
    const mantissa = (bits >> 2) & 0x7f;
    buffer.writeUInt16LE(((bits >> 9) << 15) | (exponent << 7) | mantissa, i * 2);
  }
  return buffer;
}
