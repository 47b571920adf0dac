/**
 * The fal models that Likeness knows: their ids, what they take and what they give, in fal's own words.
 * An id outside this table never reaches the network. Ranges and defaults are from fal's model pages.
 */
import { z } from 'zod';

/** fal's named image sizes, in pixels. */
export const imageSizes = {
  square_hd: { width: 1024, height: 1024 },
  square: { width: 512, height: 512 },
  portrait_4_3: { width: 768, height: 1024 },
  portrait_16_9: { width: 576, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  landscape_16_9: { width: 1024, height: 576 },
} as const;

export const aspectRatios = ['21:9', '16:9', '4:3', '3:2', '1:1', '2:3', '3:4', '9:16', '9:21'] as const;

const imageSizeName = z.enum([
  'square_hd',
  'square',
  'portrait_4_3',
  'portrait_16_9',
  'landscape_4_3',
  'landscape_16_9',
]);
const pixels = z.int().min(256).max(2048);
const imageSize = z.union([imageSizeName, z.strictObject({ width: pixels, height: pixels })]);
const outputFormat = z.enum(['jpeg', 'png']);
/** A string on the wire, "1" (strict) to "6" (permissive). */
const safetyTolerance = z.enum(['1', '2', '3', '4', '5', '6']);
const httpUrl = z.url({ protocol: /^https?$/ });

const drawing = {
  prompt: z.string().min(1),
  num_images: z.int().min(1).max(4).default(1),
  seed: z.int().optional(),
  output_format: outputFormat.default('jpeg'),
};

const fluxLoraInput = z.strictObject({
  ...drawing,
  loras: z.array(z.strictObject({ path: z.string().min(1), scale: z.number().min(0).max(4).default(1) })).default([]),
  image_size: imageSize.default('landscape_4_3'),
  num_inference_steps: z.int().min(1).max(50).default(28),
  guidance_scale: z.number().min(0).max(35).default(3.5),
  enable_safety_checker: z.boolean().default(true),
  acceleration: z.enum(['none', 'regular']).default('none'),
});

const finetuned = {
  finetune_id: z.string().min(1),
  finetune_strength: z.number().min(0).max(2),
  safety_tolerance: safetyTolerance.default('2'),
};

const fluxProFinetunedInput = z.strictObject({
  ...drawing,
  ...finetuned,
  image_size: imageSize.default('landscape_4_3'),
  num_inference_steps: z.int().min(1).max(50).default(28),
  guidance_scale: z.number().min(1).max(20).default(3.5),
});

const fluxProUltraFinetunedInput = z.strictObject({
  ...drawing,
  ...finetuned,
  aspect_ratio: z.enum(aspectRatios).default('16:9'),
  enable_safety_checker: z.boolean().default(true),
  raw: z.boolean().default(false),
  enhance_prompt: z.boolean().default(false),
  image_url: httpUrl.optional(),
  image_prompt_strength: z.number().min(0).max(1).optional(),
});

const fluxLoraPortraitTrainerInput = z.strictObject({
  images_data_url: httpUrl,
  trigger_phrase: z.string().min(1).optional(),
  steps: z.int().min(1).max(10_000).default(2500),
  learning_rate: z.number().min(0.000001).max(0.001).default(0.00009),
  multiresolution_training: z.boolean().default(true),
  subject_crop: z.boolean().default(true),
  create_masks: z.boolean().default(false),
});

const fluxProTrainerInput = z.strictObject({
  data_url: httpUrl,
  finetune_comment: z.string().min(1),
  mode: z.enum(['character', 'product', 'style', 'general']).default('character'),
  // fal publishes no range; 100 to 1000 is Black Forest Labs' own for the same trainer.
  iterations: z.int().min(100).max(1000).default(300),
  priority: z.enum(['speed', 'quality', 'high_res_only']).default('quality'),
  captioning: z.boolean().default(true),
  trigger_word: z.string().min(1).default('TOK'),
  lora_rank: z.union([z.literal(16), z.literal(32)]).default(32),
  finetune_type: z.enum(['full', 'lora']).default('full'),
  learning_rate: z.number().min(0.000001).max(0.005).default(0.00001),
});

/** What a drawing endpoint answers. Sizes and types may be missing: the picture itself decides. */
const imagesOutput = z.object({
  images: z.array(
    z.object({
      url: httpUrl,
      width: z.number().nullish(),
      height: z.number().nullish(),
      content_type: z.string().nullish(),
    }),
  ),
  /** Can exceed 2^53: result() then gives its digits as a string. */
  seed: z.union([z.number(), z.string()]).nullish(),
  has_nsfw_concepts: z.array(z.boolean()).nullish(),
});

const file = z.object({
  url: httpUrl,
  content_type: z.string().nullish(),
  file_name: z.string().nullish(),
  file_size: z.number().nullish(),
});
const loraOutput = z.object({ diffusers_lora_file: file, config_file: file });
const finetuneOutput = z.object({ finetune_id: z.string().min(1) });

const generationDeadlineMs = 10 * 60_000;
const trainingDeadlineMs = 2 * 60 * 60_000;

/**
 * What a training or an image costs at fal, in US dollars, as an estimate: fal bills by megapixel and by step, and its
 * pages change. The later price list of this server's own starts from it.
 */
type Price = { usd: number; per: 'IMAGE' | 'TRAINING' };
const imagePrice: Price = { usd: 0.05, per: 'IMAGE' };
const trainingPrice: Price = { usd: 1.5, per: 'TRAINING' };

export const endpoints = {
  'fal-ai/flux-lora': {
    kind: 'GENERATION',
    input: fluxLoraInput,
    output: imagesOutput,
    deadlineMs: generationDeadlineMs,
    price: imagePrice,
    isDeprecated: false,
  },
  'fal-ai/flux-pro/finetuned': {
    kind: 'GENERATION',
    input: fluxProFinetunedInput,
    output: imagesOutput,
    deadlineMs: generationDeadlineMs,
    price: imagePrice,
    isDeprecated: false,
  },
  'fal-ai/flux-pro/v1.1-ultra-finetuned': {
    kind: 'GENERATION',
    input: fluxProUltraFinetunedInput,
    output: imagesOutput,
    deadlineMs: generationDeadlineMs,
    // Half as much again, for its resolution.
    price: { usd: 0.075, per: 'IMAGE' },
    isDeprecated: false,
  },
  'fal-ai/flux-lora-portrait-trainer': {
    kind: 'TRAINING',
    input: fluxLoraPortraitTrainerInput,
    output: loraOutput,
    deadlineMs: trainingDeadlineMs,
    price: trainingPrice,
    isDeprecated: false,
  },
  'fal-ai/flux-pro-trainer': {
    kind: 'TRAINING',
    input: fluxProTrainerInput,
    output: finetuneOutput,
    deadlineMs: trainingDeadlineMs,
    price: trainingPrice,
    // "This model is no longer supported", says its page; it may be gone any day.
    isDeprecated: true,
  },
} as const;

export type EndpointId = keyof typeof endpoints;
export const endpointIds = Object.keys(endpoints) as EndpointId[];

/** Everything of an endpoint's input filled in, as it goes over the wire. */
export type EndpointInput<Id extends EndpointId> = z.output<(typeof endpoints)[Id]['input']>;
export type EndpointOutput<Id extends EndpointId> = z.output<(typeof endpoints)[Id]['output']>;

export function isEndpointId(id: string): id is EndpointId {
  return Object.hasOwn(endpoints, id);
}
