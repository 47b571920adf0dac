/**
 * The trainers: they read the archive and make a LoRA with its config, or a finetune. Training a request again after a crash
 * makes the same files under the same ids.
 */
import { createHash } from 'node:crypto';
import { endpoints } from '../../fal/endpoints.ts';
import { type FalRequest, type TrainingOutcome, textOf } from '../queue/request.ts';
import type { Storage } from '../storage/files.ts';
import type { Store } from '../storage/store.ts';
import { type Dataset, readDataset } from './dataset.ts';
import { safetensors } from './safetensors.ts';

type Made = Omit<TrainingOutcome, 'at'>;
export type Trainer = (request: FalRequest) => Promise<Made>;
/** A training's input, and the archive that it names. */
type Training = { settings: object; trigger: string; steps: string; dataset: Dataset };

/** Stops reading when the signal aborts. */
export function openTrainer(store: Store, storage: Storage, signal: AbortSignal): Trainer {
  return async (request) => {
    const endpoint = endpoints[request.endpoint];
    if (endpoint.kind !== 'TRAINING') throw new Error(`${request.endpoint} is not a trainer`);
    const { [endpoint.archiveField]: _archive, ...settings } = endpoint.input.parse(request.input);
    const dataset = await readDataset(endpoint.archiveField, textOf(request.input, endpoint.archiveField), {
      storage,
      signal,
    });
    if ('detail' in dataset) return { failure: dataset };
    const trigger = textOf(settings, endpoint.triggerField ?? '');
    const training = { settings, trigger, steps: JSON.stringify(settings[endpoint.steps?.fal ?? ''] ?? null), dataset };
    return endpoint.artefact === 'LORA' ? await makeLora(request, training) : await makeFinetune(request, training);
  };

  async function makeLora({ id }: FalRequest, { settings, trigger, steps, dataset }: Training): Promise<Made> {
    const lora = await storage.put(
      [safetensors(id, { trigger, steps, base_model: 'flux', made_by: 'simulated fal' })],
      {
        id: idFrom(id, 'lora'),
        name: 'pytorch_lora_weights.safetensors',
        contentType: 'application/octet-stream',
      },
    );
    const config = await storage.put(
      [Buffer.from(JSON.stringify({ instance_prompt: trigger, image_count: dataset.images, ...settings }, null, 2))],
      { id: idFrom(id, 'config'), name: 'config.json', contentType: 'application/json' },
    );
    await store.putAvatar({ kind: 'lora', id: lora.sha256, trigger, colours: dataset.colours });
    return { images: dataset.images, lora, config };
  }

  async function makeFinetune({ id }: FalRequest, { trigger, dataset }: Training): Promise<Made> {
    const finetuneId = idFrom(id, 'finetune');
    await store.putAvatar({ kind: 'finetune', id: finetuneId, trigger, colours: dataset.colours });
    return { images: dataset.images, finetuneId };
  }
}

/** A UUID derived from the request's id. */
function idFrom(requestId: string, name: string): string {
  const hex = createHash('sha256').update(`${requestId} ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
