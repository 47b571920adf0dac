/** The result of a successful request, in its endpoint's shape. */
import { createHash } from 'node:crypto';
import { aspectRatios, endpoints, imageSizes } from '../../fal/endpoints.ts';
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
  switch (request.endpoint) {
    case 'fal-ai/flux-lora-portrait-trainer': {
      const { lora, config } = request.trained ?? {};
      return { json: JSON.stringify({ diffusers_lora_file: file(lora), config_file: file(config) }), billableUnits: 1 };
    }
    case 'fal-ai/flux-pro-trainer':
      return { json: JSON.stringify({ finetune_id: request.trained?.finetuneId }), billableUnits: 1 };
    case 'fal-ai/flux-lora':
    case 'fal-ai/flux-pro/finetuned':
    case 'fal-ai/flux-pro/v1.1-ultra-finetuned':
      return images(request, baseUrl);
  }
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

/** The pictures of the request. Throws for invalid input and for trainers. */
export function picturesOf(request: FalRequest): Picture[] {
  const { avatar, endpoint } = request;
  switch (endpoint) {
    case 'fal-ai/flux-lora': {
      const input = endpoints[endpoint].input.parse(request.input);
      const { num_inference_steps: steps, guidance_scale: guidance, loras, acceleration } = input;
      const settings = { steps, guidance, ...(loras[0] && { scale: loras[0].scale }), acceleration };
      return several({ ...input, ...sizeOf(input.image_size), safe: input.enable_safety_checker }, settings);
    }
    case 'fal-ai/flux-pro/finetuned': {
      const input = endpoints[endpoint].input.parse(request.input);
      const { num_inference_steps: steps, guidance_scale: guidance, finetune_strength: strength } = input;
      return several({ ...input, ...sizeOf(input.image_size), safe: true }, { steps, guidance, strength });
    }
    case 'fal-ai/flux-pro/v1.1-ultra-finetuned': {
      const input = endpoints[endpoint].input.parse(request.input);
      const { finetune_strength: strength, raw } = input;
      const size = ultraSize(input.aspect_ratio);
      return several({ ...input, ...size, safe: input.enable_safety_checker }, { strength, ...(raw && { raw: 1 }) });
    }
    case 'fal-ai/flux-lora-portrait-trainer':
    case 'fal-ai/flux-pro-trainer':
      throw new Error(`${endpoint} draws nothing`);
  }

  function several(
    input: {
      prompt: string;
      seed?: number | undefined;
      num_images: number;
      output_format: 'jpeg' | 'png';
      width: number;
      height: number;
      safe: boolean;
    },
    settings: Record<string, number | string>,
  ): Picture[] {
    const { prompt, width, height, output_format: format } = input;
    const seed = input.seed === undefined ? seedOf(request.id) : String(input.seed);
    return Array.from({ length: input.num_images }, (_, index) => {
      const blank = input.safe && isNsfw(prompt, index + 1);
      return { endpoint, prompt, seed, index, width, height, format, avatar, settings, blank };
    });
  }
}

/** fal's choice when the request has no seed: up to 63 bits, which a JavaScript number cannot hold. */
function seedOf(requestId: string): string {
  return (createHash('sha256').update(requestId).digest().readBigUInt64LE() >> 1n).toString();
}

function sizeOf(size: keyof typeof imageSizes | { width: number; height: number }): { width: number; height: number } {
  return typeof size === 'string' ? imageSizes[size] : size;
}

/** Real ultra pictures have about four megapixels; here the longer side is 2048, and both are multiples of 16. */
export function ultraSize(ratio: (typeof aspectRatios)[number]): { width: number; height: number } {
  const [across = 1, down = 1] = ratio.split(':').map(Number);
  const longest = 2048;
  const scale = longest / Math.max(across, down);
  const even = (side: number) => Math.round((side * scale) / 16) * 16;
  return { width: even(across), height: even(down) };
}
