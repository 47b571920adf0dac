/**
 * The trainers: they read the archive and make a LoRA with its config, or a finetune. Training a request again after a crash
 * makes the same files under the same ids.
 */
import { createHash } from 'node:crypto';
import { endpoints } from '../../fal/endpoints.ts';
import type { FalRequest, TrainingOutcome } from '../queue/request.ts';
import type { Storage } from '../storage/files.ts';
import type { Store } from '../storage/store.ts';
import { readDataset } from './dataset.ts';
import { safetensors } from './safetensors.ts';

export type Trainer = (request: FalRequest) => Promise<Omit<TrainingOutcome, 'at'>>;

/** Stops reading when the signal aborts. */
export function openTrainer(store: Store, storage: Storage, signal: AbortSignal): Trainer {
  return async (request) => {
    switch (request.endpoint) {
      case 'fal-ai/flux-lora-portrait-trainer':
        return await trainPortrait(request);
      case 'fal-ai/flux-pro-trainer':
        return await trainFinetune(request);
      case 'fal-ai/flux-lora':
      case 'fal-ai/flux-pro/finetuned':
      case 'fal-ai/flux-pro/v1.1-ultra-finetuned':
        throw new Error(`${request.endpoint} is not a trainer`);
    }
  };

  async function trainPortrait(request: FalRequest): Promise<Omit<TrainingOutcome, 'at'>> {
    const input = endpoints['fal-ai/flux-lora-portrait-trainer'].input.parse(request.input);
    const dataset = await readDataset('images_data_url', input.images_data_url, { storage, signal });
    if ('detail' in dataset) return { failure: dataset };
    const { images_data_url: _, ...settings } = input;
    const trigger = input.trigger_phrase ?? '';
    const lora = await storage.put(
      [safetensors(request.id, { trigger, steps: String(input.steps), base_model: 'flux', made_by: 'simulated fal' })],
      {
        id: idFrom(request.id, 'lora'),
        name: 'pytorch_lora_weights.safetensors',
        contentType: 'application/octet-stream',
      },
    );
    const config = await storage.put(
      [Buffer.from(JSON.stringify({ instance_prompt: trigger, image_count: dataset.images, ...settings }, null, 2))],
      { id: idFrom(request.id, 'config'), name: 'config.json', contentType: 'application/json' },
    );
    await store.putAvatar({ kind: 'lora', id: lora.sha256, trigger, colours: dataset.colours });
    return { images: dataset.images, lora, config };
  }

  async function trainFinetune(request: FalRequest): Promise<Omit<TrainingOutcome, 'at'>> {
    const input = endpoints['fal-ai/flux-pro-trainer'].input.parse(request.input);
    const dataset = await readDataset('data_url', input.data_url, { storage, signal });
    if ('detail' in dataset) return { failure: dataset };
    const finetuneId = idFrom(request.id, 'finetune');
    await store.putAvatar({ kind: 'finetune', id: finetuneId, trigger: input.trigger_word, colours: dataset.colours });
    return { images: dataset.images, finetuneId };
  }
}

/** A UUID derived from the request's id. */
function idFrom(requestId: string, name: string): string {
  const hex = createHash('sha256').update(`${requestId} ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
