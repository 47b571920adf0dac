import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Job } from '../../prisma/generated/client/client.ts';
import { FalError } from '../../src/fal/errors.ts';
import { startGeneration } from '../../src/generation/commands.ts';
import type { GenerationInput } from '../../src/generation/plan.ts';
import { type CopiedImages, generationTask } from '../../src/generation/task.ts';
import type { Task } from '../../src/job/task.ts';
import { type Generations, openGenerations } from '../support/generations.ts';
import { globalId } from '../support/global-id.ts';

let server: Generations;
let task: Task<CopiedImages>;
/** fal's files: bytes, or how reading them goes wrong. */
const atFal = new Map<string, Uint8Array | ((signal?: AbortSignal) => Promise<Readable>)>();
const never = new AbortController().signal;

beforeAll(async () => {
  server = await openGenerations();
  const download = async (url: string, { maxBytes, signal }: { maxBytes: number; signal?: AbortSignal }) => {
    expect(maxBytes).toBe(25 * 1024 * 1024);
    const file = atFal.get(url);
    if (file === undefined) throw new FalError('RESULT_LOST', 'fal no longer has the file (404).', { status: 404 });
    return typeof file === 'function' ? await file(signal) : Readable.from([file]);
  };
  task = generationTask({
    ...server.app,
    allowLoopback: true,
    fal: { download, upload: async () => expect.fail('nothing is put up') },
  });
});
beforeEach(() => atFal.clear());
afterAll(() => server.close());

/** A generation that fal has finished. */
async function finished(asked: Partial<GenerationInput> = {}, kind: 'PORTRAIT' | 'STYLE' = 'PORTRAIT'): Promise<Job> {
  const avatar = { id: (await server.addAvatar(kind)).id, kind };
  const job = await startGeneration(server.app, server.viewer, { prompt: 'a knight', ...asked, avatar });
  await server.move(job, 'IN_QUEUE', 'FINALIZING');
  return await server.prisma.job.findUniqueOrThrow({ where: { id: job.id } });
}

/** A picture of a colour, put at fal. */
async function draw(name: string, format: 'jpeg' | 'png' = 'jpeg', width = 640, height = 480): Promise<string> {
  const url = `https://v3.fal.media/files/${name}`;
  const [r = 0, g = 0, b = 0] = randomBytes(3);
  atFal.set(
    url,
    await sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
      .toFormat(format)
      .toBuffer(),
  );
  return url;
}

const answer = (urls: string[], more: object = {}) => ({
  images: urls.map((url) => ({ url })),
  seed: 1,
  prompt: 'x',
  ...more,
});

/** As the runner does it: what was copied and the job's success in one transaction. */
async function keep(job: Job, kept: CopiedImages): Promise<Job> {
  return await server.prisma.$transaction(async (tx) => {
    await server.app.files.record(tx, kept.files);
    const { delivered: _delivered, ...columns } = await task.keep(tx, job, kept);
    const data = { status: 'SUCCEEDED', percent: 100, finishedAt: new Date(), ...columns } as const;
    return await tx.job.update({ where: { id: job.id }, data });
  });
}

describe('prepare', () => {
  it('sends the job’s input unchanged', async () => {
    const job = await finished({ preset: 'FAST', seed: 3 });
    expect(await task.prepare(job, never)).toMatchObject({ input: job.input });
  });
});

describe('totalSteps', () => {
  it('is the requested number of steps, and undefined for ultra', async () => {
    expect(task.totalSteps(await finished({ preset: 'FAST' }))).toBe(20);
    expect(task.totalSteps(await finished({ preset: 'QUALITY' }, 'STYLE'))).toBe(50);
    expect(task.totalSteps(await finished({ preset: 'ULTRA' }, 'STYLE'))).toBeUndefined();
  });
});

describe('fieldName', () => {
  it('translates fal’s field to this API’s name', async () => {
    expect(task.fieldName(await finished(), 'image_size.width')).toBe('settings.fluxLora.imageSize.width');
    expect(task.fieldName(await finished({}, 'STYLE'), 'finetune_id')).toBe('avatarId');
  });
});

describe('fal’s answer', () => {
  it('becomes images of our own, in fal’s order, each with its flag', async () => {
    const job = await finished({ numImages: 3 });
    const urls = [await draw('one.jpg'), await draw('two.png', 'png', 512, 768), await draw('three.jpg')];
    const flags = { has_nsfw_concepts: [false, true, false], seed: '18446744073709551615' };
    const ended = await keep(job, await task.copy(job, answer(urls, flags), never));
    expect(ended).toMatchObject({ status: 'SUCCEEDED', output: { images: 3 }, seed: '18446744073709551615' });

    const images = await server.prisma.generatedImage.findMany({
      where: { generationId: job.id },
      orderBy: { position: 'asc' },
    });
    expect(images).toMatchObject([
      { position: 0, contentType: 'image/jpeg', width: 640, height: 480, hasNsfwConcepts: false, isFavorite: false },
      { position: 1, contentType: 'image/png', width: 512, height: 768, hasNsfwConcepts: true },
      { position: 2, contentType: 'image/jpeg', width: 640, height: 480, hasNsfwConcepts: false },
    ]);
    for (const [index, image] of images.entries()) {
      expect(image.byteSize).toBe((atFal.get(urls[index] ?? '') as Uint8Array).length);
      expect(existsSync(server.pathOf(image.fileHash))).toBe(true);
    }

    const { node } = await server.call<{ node: { images: object[] } }>('GenerationById', {
      id: globalId('Generation', job.id),
    });
    expect(node).toMatchObject({ status: 'SUCCEEDED', seed: '18446744073709551615', progress: { percent: 100 } });
    expect(node.images).toMatchObject(images.map(({ blurhash, byteSize }) => ({ blurhash, byteSize })));
  });

  it('may be copied twice before it is recorded', async () => {
    const job = await finished();
    const result = answer([await draw('twice.jpg')]);
    const first = await task.copy(job, result, never);
    expect(await task.copy(job, result, never)).toEqual(first);
    await keep(job, first);
  });

  it('may contain the same picture twice', async () => {
    const job = await finished({ numImages: 2 });
    const url = await draw('same.jpg');
    expect(await keep(job, await task.copy(job, answer([url, url]), never))).toMatchObject({ output: { images: 2 } });
  });

  it('is recorded up to the requested number of images', async () => {
    const job = await finished({ numImages: 1 });
    const kept = await task.copy(
      job,
      answer([await draw('a.jpg'), await draw('b.jpg')], { has_nsfw_concepts: [false, true] }),
      never,
    );
    expect(kept.images).toHaveLength(1);
  });

  it('may lack flags and a seed', async () => {
    const job = await finished();
    const kept = await task.copy(job, { images: [{ url: await draw('bare.jpg') }] }, never);
    expect(kept.images).toMatchObject([{ hasNsfwConcepts: false }]);
    expect((await keep(job, kept)).seed).toBeNull();
  });

  it.each([
    ['a number', 42, '42'],
    ['zero', 0, '0'],
  ])('gives a seed that is %s', async (_what, seed, expected) => {
    const job = await finished();
    expect((await task.copy(job, answer([await draw('seed.jpg')], { seed }), never)).seed).toBe(expected);
  });
});

describe('the number of delivered images', () => {
  const delivered = async (asked: Partial<GenerationInput>, result: unknown) => {
    const job = await finished(asked);
    const kept = await task.copy(job, result, never);
    const { output, delivered } = await server.prisma.$transaction(async (tx) => {
      await server.app.files.record(tx, kept.files);
      return await task.keep(tx, job, kept);
    });
    return [output['images'], delivered];
  };

  it('counts every image', async () => {
    expect(await delivered({ numImages: 2 }, answer([await draw('1.jpg'), await draw('2.jpg')]))).toEqual([2, 2]);
  });

  it('counts fewer images than requested', async () => {
    expect(await delivered({ numImages: 3 }, answer([await draw('1.jpg'), await draw('2.jpg')]))).toEqual([2, 2]);
  });

  it('does not count an image that fal lost or damaged', async () => {
    const gone = 'https://v3.fal.media/files/gone.jpg';
    const damaged = await draw('damaged.jpg');
    atFal.set(damaged, Buffer.from('<html>'));
    expect(await delivered({ numImages: 4 }, answer([await draw('1.jpg'), gone, damaged]))).toEqual([1, 1]);
  });

  it('does not count an image that the safety checker flagged, but records it', async () => {
    const urls = [await draw('1.jpg'), await draw('2.jpg')];
    expect(await delivered({ numImages: 2 }, answer(urls, { has_nsfw_concepts: [true, false] }))).toEqual([2, 1]);
  });
});

describe('fal’s answer is refused', () => {
  const failing = async (asked: Partial<GenerationInput>, result: unknown) => {
    const job = await finished(asked);
    const error = await task.copy(job, result, never).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(await server.prisma.generatedImage.count({ where: { generationId: job.id } })).toBe(0);
    return error;
  };

  it.each([
    ['an answer of another shape', { video: {} }],
    ['nothing', null],
    ['an image at a URL that is none', { images: [{ url: 'file:///etc/passwd' }] }],
    ['no images', { images: [], has_nsfw_concepts: [] }],
    ['no images and no flags', { images: [] }],
    ['no images and clean flags', { images: [], has_nsfw_concepts: [false] }],
  ])('for %s: RESULT_LOST', async (_what, result) => {
    expect(await failing({}, result)).toMatchObject({ name: 'FalError', code: 'RESULT_LOST', transient: false });
  });

  it('when every image is flagged: CONTENT_BLOCKED', async () => {
    const urls = [await draw('1.jpg'), await draw('2.jpg')];
    expect(await failing({ numImages: 2 }, answer(urls, { has_nsfw_concepts: [true, true] }))).toMatchObject({
      code: 'CONTENT_BLOCKED',
    });
  });

  it('when there are flags and no image: CONTENT_BLOCKED', async () => {
    expect(await failing({}, answer([], { has_nsfw_concepts: [true] }))).toMatchObject({ code: 'CONTENT_BLOCKED' });
  });

  it('when every image is gone', async () => {
    const error = await failing(
      { numImages: 2 },
      answer(['https://v3.fal.media/files/gone.jpg', 'https://v3.fal.media/files/too.jpg']),
    );
    expect(error).toMatchObject({ code: 'RESULT_LOST', status: 404 });
  });

  it.each([
    ['cut off', async (url: string) => (atFal.get(url) as Uint8Array).subarray(0, 900)],
    ['no picture', async () => Buffer.from('<html>Moved.</html>')],
    ['empty', async () => Buffer.alloc(0)],
  ])('for an image that is %s', async (_what, damaged) => {
    const url = await draw('damaged.jpg');
    atFal.set(url, await damaged(url));
    expect(await failing({}, answer([url]))).toMatchObject({
      code: 'RESULT_LOST',
      message: 'A picture that fal drew is damaged.',
    });
  });

  it('with a transient error when fal cannot deliver an image now', async () => {
    const url = 'https://v3.fal.media/files/later.jpg';
    atFal.set(url, () => Promise.reject(new FalError('FAL_UNAVAILABLE', 'fal answered 503.', { transient: true })));
    expect(await failing({}, answer([url]))).toMatchObject({ code: 'FAL_UNAVAILABLE', transient: true });
  });

  it('with a transient error, which stops the other downloads', async () => {
    const slow = 'https://v3.fal.media/files/slow.jpg';
    const later = 'https://v3.fal.media/files/later.jpg';
    atFal.set(later, () => Promise.reject(new FalError('FAL_UNAVAILABLE', 'No.', { transient: true })));
    let stopped = false;
    atFal.set(
      slow,
      (signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => {
            stopped = true;
            reject(signal.reason as Error);
          });
        }),
    );
    expect(await failing({ numImages: 2 }, answer([slow, later]))).toMatchObject({ code: 'FAL_UNAVAILABLE' });
    expect(stopped).toBe(true);
  });

  it('when the signal aborts', async () => {
    const job = await finished();
    const stop = new AbortController();
    const url = 'https://v3.fal.media/files/slow.jpg';
    atFal.set(
      url,
      (signal) =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    const copying = task.copy(job, answer([url]), stop.signal);
    stop.abort(new Error('stopping'));
    await expect(copying).rejects.toThrow('stopping');
  });
});
