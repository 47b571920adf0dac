import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FalClient } from '@fal-ai/client';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { photoPath } from '../support/photos.ts';
import { photoArchive, refusal, simulate, trainPortrait, trainStyle, zip } from '../support/simulator.ts';

const portraitTrainer = 'fal-ai/flux-lora-portrait-trainer';
const dataset = (fal: FalClient, file: File) => fal.storage.upload(file);
const train = (fal: FalClient, images_data_url: string) =>
  fal.subscribe(portraitTrainer, { input: { images_data_url, trigger_phrase: 'TOK_1' } });

describe('the portrait trainer', () => {
  it('trains on an archive of photos, logs their number, and returns a LoRA file that loads', async () => {
    const { fal } = await simulate();
    const images_data_url = await dataset(fal, await photoArchive(12));
    const logs: string[] = [];
    const { data } = await fal.subscribe(portraitTrainer, {
      input: { images_data_url, trigger_phrase: 'TOK_1', steps: 1000 },
      logs: true,
      onQueueUpdate: (update) => 'logs' in update && logs.push(...update.logs.map(({ message }) => message)),
    });
    expect(logs.join()).toContain('Found 12 images');
    expect(data.config_file).toMatchObject({ file_name: 'config.json', content_type: 'application/json' });
    expect(await (await fetch(data.config_file.url)).json()).toMatchObject({ instance_prompt: 'TOK_1', steps: 1000 });

    const lora = data.diffusers_lora_file;
    expect(lora.file_name).toBe('pytorch_lora_weights.safetensors');
    const bytes = Buffer.from(await (await fetch(lora.url)).arrayBuffer());
    expect(bytes.length).toBe(lora.file_size);
    const headerLength = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + headerLength).toString()) as Record<string, Tensor>;
    const { __metadata__: metadata, ...tensors } = header;
    expect(metadata).toMatchObject({ format: 'pt', trigger: 'TOK_1' });
    let end = 0;
    for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(tensors)) {
      expect(name).toMatch(/^transformer\..+\.lora_[AB]\.weight$/);
      expect([dtype, offsets[0]]).toEqual(['BF16', end]);
      end = offsets[1];
      expect(end - offsets[0]).toBe((shape[0] ?? 0) * (shape[1] ?? 0) * 2);
    }
    expect(8 + headerLength + end).toBe(bytes.length);
    expect(headerLength % 8).toBe(0);
  });

  it('downloads an archive from another server, and fails if it cannot', async () => {
    const archive = Buffer.from(await (await photoArchive(4)).arrayBuffer());
    const elsewhere = createServer((request, response) => {
      if (request.url === '/photos.zip') response.end(archive);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void elsewhere.close());
    const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    const { fal } = await simulate();
    expect((await train(fal, `${url}/photos.zip`)).data.diffusers_lora_file.url).toContain('/files/');
    const failed = { detail: [{ loc: ['body', 'images_data_url'], type: 'file_download_error' }] };
    expect((await refusal(train(fal, `${url}/gone.zip`))).body).toMatchObject(failed);
    const gone = 'http://127.0.0.1:1/files/b/00000000/00000000-0000-4000-8000-000000000000_a.zip';
    expect((await refusal(train(fal, gone))).body).toMatchObject(failed);
  });

  it.each<[string, () => Promise<File>, string, object]>([
    ['three images', () => photoArchive(3), 'archive_file_count_below_minimum', { min_count: 4, provided_count: 3 }],
    ['no images', () => zip({}), 'archive_file_count_below_minimum', { provided_count: 0 }],
    [
      'captions for images',
      () => zip({ 'a.txt': Buffer.from('a'), '__MACOSX/b.jpg': Buffer.from('b') }),
      'archive_file_count_below_minimum',
      { provided_count: 0 },
    ],
    ['no archive', async () => new File(['not a zip'], 'a.zip'), 'invalid_archive', { supported_extensions: ['.zip'] }],
    ['an empty file', async () => new File([], 'a.zip'), 'invalid_archive', {}],
  ])('refuses %s', async (_, archive, type, ctx) => {
    const { fal } = await simulate();
    const answer = await refusal(train(fal, await dataset(fal, await archive())));
    expect(answer).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'images_data_url'], type, ctx }] } });
  });

  it.each([
    'truncated.jpg',
    'corrupt-header.jpg',
    'text-named.png',
    'empty.jpg',
  ])('refuses an archive with %s', async (name) => {
    const { fal } = await simulate();
    const good = await sharp(photoPath('good/01.jpg')).resize(64).jpeg().toBuffer();
    const bad = await readFile(photoPath(`bad/${name}`));
    const archive = await zip({ '1.jpg': good, '2.jpg': good, '3.jpg': good, '4.jpg': good, [name]: bad });
    const { body } = await refusal(train(fal, await dataset(fal, archive)));
    expect(body).toMatchObject({ detail: [{ type: 'image_load_error', msg: expect.stringContaining(name) }] });
  });

  it('rejects an archive that is truncated within an image', async () => {
    const { fal } = await simulate();
    const whole = Buffer.from(await (await photoArchive(4)).arrayBuffer());
    whole.fill(0, 2000, 6000);
    const { body } = await refusal(train(fal, await dataset(fal, new File([whole], 'a.zip'))));
    expect(body).toMatchObject({ detail: [{ type: 'image_load_error' }] });
  });
});

type Tensor = { dtype: string; shape: number[]; data_offsets: [number, number] };

describe('drawing with a trained avatar', () => {
  const draw = (fal: FalClient, path: string) =>
    fal.subscribe('fal-ai/flux-lora', { input: { prompt: 'TOK_1 at sea', loras: [{ path }] } });

  it('accepts a LoRA file of its own, and an uploaded copy of it', async () => {
    const { fal } = await simulate();
    const path = await trainPortrait(fal);
    expect((await draw(fal, path)).data.images).toHaveLength(1);
    const copy = await fal.storage.upload(await (await fetch(path)).blob());
    expect(copy).not.toBe(path);
    expect((await draw(fal, copy)).data.images).toHaveLength(1);
  });

  it('rejects a LoRA file that it has not created', async () => {
    const { fal } = await simulate();
    const own = await fal.storage.upload(new File(['not a LoRA'], 'x.safetensors'));
    for (const path of [own, 'https://huggingface.co/x/y.safetensors', 'x/y']) {
      expect(await refusal(draw(fal, path))).toMatchObject({
        status: 422,
        body: { detail: [{ loc: ['body', 'loras', 0, 'path'], type: 'file_download_error', input: path }] },
      });
    }
  });

  it.each([
    'fal-ai/flux-pro/v1.1-ultra-finetuned',
    'fal-ai/flux-pro/finetuned',
  ])('%s accepts only finetunes of its own', async (endpoint) => {
    const { fal } = await simulate();
    const finetune_id = await trainStyle(fal);
    const input = { prompt: 'a harbour', finetune_id, finetune_strength: 1.1 };
    expect((await fal.subscribe(endpoint, { input })).data.images).toHaveLength(1);
    const other = fal.subscribe(endpoint, { input: { ...input, finetune_id: 'other' } });
    expect((await refusal(other)).body).toMatchObject({ detail: [{ loc: ['body', 'finetune_id'], input: 'other' }] });
  });

  it("names the style trainer's own field when it rejects an archive", async () => {
    const { fal } = await simulate();
    const data_url = await dataset(fal, await photoArchive(2));
    const training = fal.subscribe('fal-ai/flux-pro-trainer', { input: { data_url, finetune_comment: 'ink' } });
    expect((await refusal(training)).body).toMatchObject({ detail: [{ loc: ['body', 'data_url'] }] });
  });
});
