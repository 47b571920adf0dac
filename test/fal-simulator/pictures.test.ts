import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { drawCaption } from '../../src/fal-simulator/pictures/caption.ts';
import { draw } from '../../src/fal-simulator/pictures/draw.ts';
import type { Picture } from '../../src/fal-simulator/pictures/picture.ts';
import type { Avatar, FalRequest } from '../../src/fal-simulator/queue/request.ts';
import { picturesOf, ultraSize } from '../../src/fal-simulator/queue/result.ts';
import { simulate } from '../support/simulator.ts';

const lora: Avatar = { id: 'a1', kind: 'lora', trigger: 'TOK', colours: ['#a06040'] };
const finetune: Avatar = { id: 'f1', kind: 'finetune', trigger: 'INK', colours: ['#2040a0', '#e0b060'] };
const picture: Picture = {
  endpoint: 'fal-ai/flux-lora',
  prompt: 'TOK on a beach',
  seed: '42',
  index: 0,
  width: 512,
  height: 512,
  format: 'jpeg',
  avatar: lora,
  settings: { steps: 28 },
  blank: false,
};

describe('a picture', () => {
  it('is the same for the same parameters, and differs for any other', async () => {
    const base = await draw(picture);
    expect((await draw({ ...picture })).equals(base)).toBe(true);
    const others: Partial<Picture>[] = [
      { prompt: 'TOK on a boat' },
      { seed: '43' },
      { index: 1 },
      { settings: { steps: 29 } },
      { avatar: { ...lora, id: 'a2' } },
      { avatar: finetune },
      { avatar: undefined },
      { endpoint: 'fal-ai/flux-pro/finetuned' },
    ];
    const drawn = await Promise.all(others.map((other) => draw({ ...picture, ...other })));
    expect(new Set([base, ...drawn].map((bytes) => bytes.toString('base64'))).size).toBe(others.length + 1);
  });

  it.each<[number, number, 'jpeg' | 'png', Avatar | undefined]>([
    [512, 512, 'jpeg', lora],
    [768, 1024, 'png', finetune],
    [2048, 256, 'jpeg', lora],
    [256, 2048, 'png', undefined],
    [880, 2048, 'jpeg', finetune],
  ])('is %i by %i, a whole %s', async (width, height, format, avatar) => {
    const bytes = await draw({ ...picture, width, height, format, avatar });
    const { data, info } = await sharp(bytes, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, (await sharp(bytes).metadata()).format]).toEqual([width, height, format]);
    expect(new Set(data).size).toBeGreaterThan(50);
  });

  it.each(Array.from({ length: 12 }, (_, i) => i))('can be drawn for any avatar and any style (%i)', async (i) => {
    const prompts = [
      'sunset',
      'mountain',
      'office',
      'retro',
      'night',
      'forest',
      'ocean',
      'city',
      'winter',
      'shirt',
      'jazz',
      'space',
    ];
    const small = { ...picture, prompt: prompts[i] ?? '', width: 256, height: 256, seed: String(i) };
    for (const avatar of [
      { ...lora, id: `p${i}` },
      { ...finetune, id: `s${i}`, colours: i % 2 ? [] : finetune.colours },
    ]) {
      expect((await sharp(await draw({ ...small, avatar })).stats()).entropy).toBeGreaterThan(3);
    }
  });

  it('is black if it is flagged', async () => {
    const { channels } = await sharp(await draw({ ...picture, blank: true })).stats();
    expect(channels.map(({ max }) => max)).toEqual([0, 0, 0]);
  });
});

describe('the pictures of a request', () => {
  const request = (endpoint: FalRequest['endpoint'], input: object): FalRequest => ({
    id: '0b0f9c64-9a3e-4a7e-8d39-1d8f6a1f1c11',
    endpoint,
    acceptedAt: 0,
    speed: 'instant',
    input: { prompt: 'x', finetune_id: 'f', finetune_strength: 1, ...input },
  });
  const drawing = (input: object): FalRequest => ({
    ...request('fal-ai/flux-lora', input),
    input: { prompt: 'x', ...input },
  });

  it.each([
    [{}, 1024, 768],
    [{ image_size: 'square' }, 512, 512],
    [{ image_size: 'portrait_16_9' }, 576, 1024],
    [{ image_size: { width: 300, height: 2000 } }, 300, 2000],
  ])('have the size that %j asks for', (input, width, height) => {
    expect(picturesOf(drawing(input))).toMatchObject([{ width, height }]);
    expect(picturesOf(request('fal-ai/flux-pro/finetuned', input))).toMatchObject([{ width, height }]);
  });

  it.each([
    ['21:9', 2048, 880],
    ['16:9', 2048, 1152],
    ['1:1', 2048, 2048],
    ['3:4', 1536, 2048],
    ['9:21', 880, 2048],
  ] as const)('have the size of the aspect ratio %s', (aspect_ratio, width, height) => {
    expect(ultraSize(aspect_ratio)).toEqual({ width, height });
    expect(picturesOf(request('fal-ai/flux-pro/v1.1-ultra-finetuned', { aspect_ratio }))).toMatchObject([
      { width, height },
    ]);
  });

  it('are num_images pictures with different indexes', () => {
    const pictures = picturesOf(drawing({ num_images: 4, seed: 5, output_format: 'png' }));
    expect(pictures.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(pictures).toMatchObject(Array.from({ length: 4 }, () => ({ seed: '5', format: 'png' })));
  });

  it('are not blanked without the safety checker', () => {
    const pictures = picturesOf(drawing({ prompt: '[[nsfw]]', enable_safety_checker: false }));
    expect(pictures).toMatchObject([{ blank: false }]);
  });

  it('do not exist for a training', () => {
    expect(() => picturesOf(request('fal-ai/flux-pro-trainer', {}))).toThrow('draws nothing');
  });
});

it('a picture is served with the type and size of the result, whole and in ranges, once the request is COMPLETED', async () => {
  const { fal } = await simulate();
  const input = { prompt: 'a pier', seed: 1, num_images: 2, image_size: 'square' as const };
  const first = (await fal.subscribe('fal-ai/flux-lora', { input })).data;
  const again = (await fal.subscribe('fal-ai/flux-lora', { input })).data;
  const read = async (url: string | undefined) => Buffer.from(await (await fetch(url ?? '')).arrayBuffer());
  const bytes = await read(first.images[0]?.url);
  expect(await sharp(bytes).metadata()).toMatchObject({ format: 'jpeg', width: 512, height: 512 });
  expect((await read(again.images[0]?.url)).equals(bytes)).toBe(true);
  expect((await read(first.images[1]?.url)).equals(bytes)).toBe(false);
  const part = await fetch(first.images[0]?.url ?? '', { headers: { range: 'bytes=10-19' } });
  expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(10, 20));

  const { request_id } = await fal.queue.submit('fal-ai/flux-lora', { input: { ...input, prompt: '[[stuck]]' } });
  const early = first.images[0]?.url.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, request_id) ?? '';
  expect((await fetch(early)).status).toBe(404);
});

describe('the caption', () => {
  it.each([
    [256, 256],
    [2048, 256],
    [256, 2048],
    [1024, 1024],
  ])('fits a picture of %i by %i, however long the prompt is', async (width, height) => {
    for (const prompt of ['many words '.repeat(90), 'x'.repeat(5000), 'one']) {
      const caption = await drawCaption({ ...picture, width, height, prompt });
      expect(caption.width).toBeLessThanOrEqual(width * 0.91);
      expect(caption.height).toBeLessThan(height * 0.6);
    }
  });

  it('changes with every letter of the prompt, accents included, and with the settings', async () => {
    const captions = await Promise.all([
      drawCaption({ ...picture, prompt: 'Cafe' }),
      drawCaption({ ...picture, prompt: 'Café' }),
      drawCaption({ ...picture, prompt: 'Café Łódź' }),
      drawCaption({ ...picture, prompt: 'Café', settings: { steps: 29 } }),
    ]);
    expect(new Set(captions.map(({ image }) => image.toString('base64'))).size).toBe(4);
  });

  it.each([
    '<b>bold</b> & "quoted"',
    '\u0000\u001b[2J',
    '\ud83d',
    '漢字 🎨',
    '',
    ' \n\t ',
  ])('can be drawn for the prompt %j', async (prompt) => {
    expect((await drawCaption({ ...picture, prompt })).height).toBeGreaterThan(10);
  });

  it('needs no font of the system', () => {
    const folder = mkdtempSync(join(tmpdir(), 'no-fonts-'));
    const config = join(folder, 'fonts.conf');
    writeFileSync(config, `<fontconfig><cachedir>${folder}</cachedir></fontconfig>`);
    const module = join(import.meta.dirname, '../../src/fal-simulator/pictures/caption.ts');
    const script = `import { drawCaption } from ${JSON.stringify(module)};
      const sizes = await Promise.all(['iiii', 'WWWW'].map((prompt) =>
        drawCaption({ ...${JSON.stringify(picture)}, endpoint: '', seed: '', settings: {}, avatar: undefined, prompt: prompt.repeat(4) })));
      console.log(sizes[0].width < sizes[1].width);`;
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      env: { ...process.env, FONTCONFIG_FILE: config },
      encoding: 'utf8',
    });
    rmSync(folder, { recursive: true });
    // Without a font, every character is a box of the same width.
    expect(stdout.trim()).toBe('true');
  });
});
