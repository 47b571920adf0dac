/** The client and the simulated fal together, over HTTP. */
import { buffer } from 'node:stream/consumers';
import { fileTypeFromBuffer } from 'file-type';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createFal } from '../../src/fal/client.ts';
import type { EndpointId } from '../../src/fal/endpoints.ts';
import { imagesOutput, trainingOutputs } from '../../src/fal/model.ts';
import type { Fal, RequestStatus } from '../../src/fal/port.ts';
import { rejection } from '../support/adapter.ts';
import { photoArchive, simulate } from '../support/simulator.ts';

let fal: Fal;
beforeEach(async () => {
  const { simulator } = await simulate();
  const adapter = createFal({ key: simulator.key, baseUrl: simulator.url });
  onTestFinished(() => adapter.close());
  fal = adapter;
});

async function run(endpoint: EndpointId, input: Record<string, unknown>) {
  const { requestId } = await fal.submit(endpoint, input);
  const statuses: RequestStatus[] = [];
  for await (const status of fal.follow(endpoint, requestId, AbortSignal.timeout(20_000))) statuses.push(status);
  expect(statuses.at(-1)?.status).toBe('COMPLETED');
  return { requestId, statuses, result: fal.result(endpoint, requestId) };
}

it('trains a face from an uploaded archive and draws it', async () => {
  const archive = await photoArchive(4);
  const url = await fal.upload(archive, { fileName: 'photos.zip' });
  const trainer = 'fal-ai/flux-lora-portrait-trainer';
  const trained = await run(trainer, { images_data_url: url, trigger_phrase: 'TOK_1', steps: 100 });
  const { diffusers_lora_file, config_file } = trainingOutputs.LORA.parse(await trained.result);
  expect(await buffer(await fal.download(config_file.url, { maxBytes: 100_000 }))).not.toHaveLength(0);

  const loras = [{ path: diffusers_lora_file.url, scale: 1 }];
  const drawn = await run('fal-ai/flux-lora', { prompt: 'TOK_1 at sea', loras, num_images: 2, image_size: 'square' });
  const { images } = imagesOutput.parse(await drawn.result);
  expect(images).toHaveLength(2);
  for (const image of images) {
    const bytes = await buffer(await fal.download(image.url, { maxBytes: 10_000_000 }));
    expect((await fileTypeFromBuffer(bytes))?.mime).toBe('image/jpeg');
  }
  expect(await fal.cancel('fal-ai/flux-lora', drawn.requestId)).toBe('ALREADY_COMPLETED');
});

it('gets an error for a finetune that does not exist', async () => {
  const drawn = await run('fal-ai/flux-pro/finetuned', {
    prompt: 'x',
    finetune_id: 'never-made',
    finetune_strength: 1,
  });
  expect(await rejection(drawn.result)).toMatchObject({
    code: 'INVALID_FINETUNE_ID',
    field: 'finetune_id',
    transient: false,
  });
});

it('gets an error for a file that is not an archive', async () => {
  const url = await fal.upload(new Blob(['not a zip']), { fileName: 'photos.zip' });
  const trained = await run('fal-ai/flux-lora-portrait-trainer', { images_data_url: url });
  expect(await rejection(trained.result)).toMatchObject({ code: 'DATASET_REJECTED', transient: false });
});

it('gets an error for an unknown request', async () => {
  const unknown = '6e0f4b0a-2f7c-4d6e-9b1a-0c1d2e3f4a5b';
  expect(await rejection(fal.status('fal-ai/flux-lora', unknown))).toMatchObject({ code: 'RESULT_LOST' });
  expect(await rejection(fal.result('fal-ai/flux-lora', unknown))).toMatchObject({ code: 'RESULT_LOST' });
  expect(await fal.cancel('fal-ai/flux-lora', unknown)).toBe('NOT_FOUND');
});
