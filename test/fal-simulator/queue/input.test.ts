import { describe, expect, it } from 'vitest';
import type { EndpointId } from '../../../src/fal/endpoints.ts';
import { inputFailure } from '../../../src/fal-simulator/queue/input.ts';

const lora = { prompt: 'x' };
const ultra = { prompt: 'x', finetune_id: 'y', finetune_strength: 1 };
const trainer = { images_data_url: 'https://v3.fal.media/a.zip' };
const names = "'square_hd', 'square', 'portrait_4_3', 'portrait_16_9', 'landscape_4_3' or 'landscape_16_9'";

describe("fal's 422", () => {
  it.each<[EndpointId, unknown, object[]]>([
    ['fal-ai/flux-lora', {}, [{ loc: ['body', 'prompt'], msg: 'Field required', type: 'missing' }]],
    ['fal-ai/flux-lora', 'x', [{ loc: ['body'], type: 'model_attributes_type' }]],
    ['fal-ai/flux-lora', null, [{ loc: ['body'], type: 'model_attributes_type' }]],
    ['fal-ai/flux-lora', { prompt: 7 }, [{ loc: ['body', 'prompt'], type: 'string_type', input: 7 }]],
    [
      'fal-ai/flux-lora',
      { prompt: '' },
      [{ loc: ['body', 'prompt'], type: 'sequence_too_short', ctx: { min_length: 1 } }],
    ],
    [
      'fal-ai/flux-lora',
      { ...lora, num_images: 5 },
      [{ loc: ['body', 'num_images'], type: 'less_than_equal', ctx: { le: 4 } }],
    ],
    [
      'fal-ai/flux-lora',
      { ...lora, guidance_scale: -1 },
      [{ loc: ['body', 'guidance_scale'], type: 'greater_than_equal', ctx: { ge: 0 } }],
    ],
    ['fal-ai/flux-lora', { ...lora, guidance_scale: '3' }, [{ loc: ['body', 'guidance_scale'], type: 'float_type' }]],
    [
      'fal-ai/flux-lora',
      { ...lora, num_inference_steps: 1.5 },
      [{ loc: ['body', 'num_inference_steps'], type: 'int_type' }],
    ],
    [
      'fal-ai/flux-lora',
      { ...lora, enable_safety_checker: 'no' },
      [{ loc: ['body', 'enable_safety_checker'], type: 'bool_type' }],
    ],
    ['fal-ai/flux-lora', { ...lora, loras: {} }, [{ loc: ['body', 'loras'], type: 'list_type' }]],
    [
      'fal-ai/flux-lora',
      { ...lora, loras: [{ scale: 9 }] },
      [
        { loc: ['body', 'loras', 0, 'path'], type: 'missing' },
        { loc: ['body', 'loras', 0, 'scale'], type: 'less_than_equal' },
      ],
    ],
    [
      'fal-ai/flux-lora',
      { ...lora, output_format: 'gif' },
      [
        {
          loc: ['body', 'output_format'],
          msg: "Input should be 'jpeg' or 'png'",
          type: 'literal_error',
          ctx: { expected: "'jpeg' or 'png'" },
        },
      ],
    ],
    [
      'fal-ai/flux-lora',
      { ...lora, image_size: 'huge' },
      [{ loc: ['body', 'image_size'], msg: `Input should be ${names}`, type: 'literal_error' }],
    ],
    [
      'fal-ai/flux-lora',
      { ...lora, image_size: { width: 100 } },
      [
        { loc: ['body', 'image_size', 'width'], type: 'greater_than_equal' },
        { loc: ['body', 'image_size', 'height'], type: 'missing' },
      ],
    ],
    [
      'fal-ai/flux-lora',
      { ...lora, lora_url: 'x', sync_mode: true },
      [
        { loc: ['body', 'lora_url'], type: 'extra_forbidden', input: 'x' },
        { loc: ['body', 'sync_mode'], type: 'extra_forbidden', input: true },
      ],
    ],
    [
      'fal-ai/flux-pro/v1.1-ultra-finetuned',
      { ...ultra, safety_tolerance: 2 },
      [{ loc: ['body', 'safety_tolerance'], type: 'literal_error', input: 2 }],
    ],
    [
      'fal-ai/flux-pro/v1.1-ultra-finetuned',
      { ...ultra, image_url: 'data:x' },
      [{ loc: ['body', 'image_url'], type: 'url_parsing' }],
    ],
    [
      'fal-ai/flux-pro/v1.1-ultra-finetuned',
      { ...ultra, num_inference_steps: 28 },
      [{ loc: ['body', 'num_inference_steps'], type: 'extra_forbidden' }],
    ],
    [
      'fal-ai/flux-pro/finetuned',
      { ...ultra, finetune_strength: 2.1 },
      [{ loc: ['body', 'finetune_strength'], type: 'less_than_equal' }],
    ],
    [
      'fal-ai/flux-lora-portrait-trainer',
      { ...trainer, trigger_word: 'TOK' },
      [{ loc: ['body', 'trigger_word'], type: 'extra_forbidden' }],
    ],
    [
      'fal-ai/flux-pro-trainer',
      { data_url: 'https://x/a.zip', finetune_comment: 'c', lora_rank: 17 },
      [{ loc: ['body', 'lora_rank'], msg: 'Input should be 16 or 32', type: 'literal_error' }],
    ],
  ])('%s %j', (endpoint, input, detail) => {
    expect(inputFailure(endpoint, input)).toMatchObject({ status: 422, detail });
  });

  it.each<[EndpointId, unknown]>([
    ['fal-ai/flux-lora', lora],
    ['fal-ai/flux-lora', { ...lora, image_size: { width: 2048, height: 256 } }],
    ['fal-ai/flux-pro/v1.1-ultra-finetuned', { ...ultra, safety_tolerance: '6', aspect_ratio: '9:21' }],
    ['fal-ai/flux-lora-portrait-trainer', trainer],
  ])('accepts %s %j', (endpoint, input) => {
    expect(inputFailure(endpoint, input)).toBeUndefined();
  });
});
