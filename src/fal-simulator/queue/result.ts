/** The result of a successful request, in its endpoint's shape. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { endpoints, imageSizes } from '../../fal/endpoints.ts';
import type { Picture } from '../pictures/picture.ts';
import { filePath } from '../storage/files.ts';
import { isNsfw } from './prompt-commands.ts';
import type { Artefact, FalRequest } from './request.ts';

/** The result as JSON text, since a seed may have more digits than a JavaScript number. */
export function resultOf(request: FalRequest, baseUrl: string): { json: string; billableUnits: number } {
  const file = (made: Artefact | undefined) =>
    made && {
      url: `${baseUrl}${filePath(made)}`,
      content_type: made.contentType,
      file_name: made.name,
      file_size: made.size,
    };
  const { kind, artefact } = endpoints[request.endpoint];
  if (kind === 'GENERATION') return images(request, baseUrl);
  const { lora, config, finetuneId } = request.trained ?? {};
  const output =
    artefact === 'LORA' ? { diffusers_lora_file: file(lora), config_file: file(config) } : { finetune_id: finetuneId };
  return { json: JSON.stringify(output), billableUnits: 1 };
}

function images(request: FalRequest, baseUrl: string): { json: string; billableUnits: number } {
  const pictures = picturesOf(request);
  const [first] = pictures;
  const output = {
    images: pictures.map(({ width, height, format }, index) => ({
      url: `${baseUrl}${filePath({ id: request.id, name: `${index + 1}.${format}` })}`,
      width,
      height,
      content_type: `image/${format}`,
    })),
    timings: { inference: 0.001 * (first?.width ?? 0) },
    has_nsfw_concepts: pictures.map(({ blank }) => blank),
    prompt: first?.prompt,
  };
  const megapixels = pictures.reduce((sum, { width, height }) => sum + Math.ceil((width * height) / 1e6), 0);
  return { json: `${JSON.stringify(output).slice(0, -1)},"seed":${first?.seed ?? 0}}`, billableUnits: megapixels };
}

/** The fields of drawing endpoints that a picture follows from. Each endpoint has some of them. */
const drawingInput = z.looseObject({
  prompt: z.string(),
  seed: z.int().optional(),
  num_images: z.int(),
  output_format: z.enum(['jpeg', 'png']),
  image_size: z
    .union([
      z.enum(Object.keys(imageSizes) as (keyof typeof imageSizes)[]),
      z.object({ width: z.int(), height: z.int() }),
    ])
    .optional(),
  aspect_ratio: z.string().default('1:1'),
  enable_safety_checker: z.boolean().default(true),
  num_inference_steps: z.int().optional(),
  guidance_scale: z.number().optional(),
  loras: z.array(z.object({ scale: z.number() })).default([]),
  finetune_strength: z.number().optional(),
  acceleration: z.string().optional(),
  raw: z.boolean().default(false),
});

/** The pictures of the request. Throws for invalid input and for trainers. */
export function picturesOf(request: FalRequest): Picture[] {
  const { avatar, endpoint } = request;
  const { kind, input: schema } = endpoints[endpoint];
  if (kind === 'TRAINING') throw new Error(`${endpoint} draws nothing`);
  const input = drawingInput.parse(schema.parse(request.input));
  const { prompt, output_format: format, image_size: size, enable_safety_checker: isChecked } = input;
  const { width, height } = size === undefined ? ultraSize(input.aspect_ratio) : sizeOf(size);
  const settings = {
    steps: input.num_inference_steps,
    guidance: input.guidance_scale,
    scale: input.loras[0]?.scale,
    strength: input.finetune_strength,
    acceleration: input.acceleration,
    raw: input.raw ? 1 : undefined,
  };
  const shown = Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const seed = input.seed === undefined ? seedOf(request.id) : String(input.seed);
  return Array.from({ length: input.num_images }, (_, index) => {
    const blank = isChecked && isNsfw(prompt, index + 1);
    return { endpoint, prompt, seed, index, width, height, format, avatar, settings: shown, blank };
  });
}

/** fal's choice when the request has no seed: up to 63 bits, which a JavaScript number cannot hold. */
function seedOf(requestId: string): string {
  return (createHash('sha256').update(requestId).digest().readBigUInt64LE() >> 1n).toString();
}

function sizeOf(size: keyof typeof imageSizes | { width: number; height: number }): { width: number; height: number } {
  return typeof size === 'string' ? imageSizes[size] : size;
}

/** Real ultra pictures have about four megapixels; here the longer side is 2048, and both are multiples of 16. */
export function ultraSize(ratio: string): { width: number; height: number } {
  const [across = 1, down = 1] = ratio.split(':').map(Number);
  const longest = 2048;
  const scale = longest / Math.max(across, down);
  const even = (side: number) => Math.round((side * scale) / 16) * 16;
  return { width: even(across), height: even(down) };
}
