import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GeneratedImage } from '../../prisma/generated/client/client.ts';
import { type Generations, openGenerations } from '../support/generations.ts';
import { globalId } from '../support/global-id.ts';

let server: Generations;
let avatarId: string;
beforeAll(async () => {
  server = await openGenerations();
  avatarId = (await server.addAvatar('PORTRAIT')).id;
});
afterAll(() => server.close());

/** Adds an image of an ended generation, by default of the viewer. */
async function add(of: string = avatarId, ownerId = server.viewer.id): Promise<GeneratedImage & { globalId: string }> {
  const job = await server.prisma.job.create({
    data: {
      ownerId,
      avatarId: of,
      kind: 'GENERATION',
      endpoint: 'fal-ai/flux-lora',
      input: { prompt: 'x', loras: [] },
      prompt: 'x',
      finalPrompt: 'x',
    },
  });
  await server.move(job, 'IN_QUEUE', 'FINALIZING', 'SUCCEEDED');
  const [image] = await server.addImages([job], 1);
  if (image === undefined) throw new Error('No image.');
  return { ...image, globalId: globalId('GeneratedImage', image.id) };
}

const notFound = { __typename: 'NotFoundError', message: 'There is no such image.' };

/** Ids that are not an image of the viewer. */
async function others(): Promise<string[]> {
  const stranger = await server.addViewer();
  const theirAvatar = await server.addAvatar('PORTRAIT', { ownerId: stranger.id });
  const deleted = await server.addAvatar('PORTRAIT');
  const ofDeleted = await add(deleted.id);
  await server.prisma.avatar.update({ where: { id: deleted.id }, data: { deletedAt: new Date() } });
  const { id } = await add();
  return [
    (await add(theirAvatar.id, stranger.id)).globalId,
    ofDeleted.globalId,
    globalId('GeneratedImage', avatarId),
    globalId('Photo', id),
    id,
    'nonsense',
  ];
}

describe('an image', () => {
  it('can be read as a node with its generation', async () => {
    const image = await add();
    const query = `query($id: ID!) { node(id: $id) { ... on GeneratedImage {
      id contentType width height byteSize blurhash hasNsfwConcepts isFavorite createdAt generation { id status images { id } } } } }`;
    expect((await server.run(query, { id: image.globalId })).data).toEqual({
      node: {
        id: image.globalId,
        contentType: 'image/png',
        width: 1,
        height: 1,
        byteSize: image.byteSize,
        blurhash: image.blurhash,
        hasNsfwConcepts: false,
        isFavorite: false,
        createdAt: image.createdAt,
        generation: {
          id: globalId('Generation', image.generationId),
          status: 'SUCCEEDED',
          images: [{ id: image.globalId }],
        },
      },
    });
  });

  it('is visible to its owner only, until its avatar is deleted', async () => {
    for (const id of (await others()).slice(0, 3)) {
      expect((await server.run('query($id: ID!) { node(id: $id) { id } }', { id })).data).toEqual({ node: null });
    }
  });
});

describe('url', () => {
  const url = async (argumentsText: string) => {
    const { globalId: id } = await add();
    return await server.run(`query($id: ID!) { node(id: $id) { ... on GeneratedImage { url${argumentsText} } } }`, {
      id,
    });
  };
  const parameters = async (argumentsText: string) => {
    const { data } = await url(argumentsText);
    const minted = new URL((data as { node: { url: string } }).node.url);
    expect(server.app.urls.verify(minted)).toBe('OK');
    expect(minted.pathname).toMatch(/^\/files\/images\/[0-9a-f-]{36}$/);
    return Object.fromEntries([...minted.searchParams].filter(([name]) => !['expires', 'signature'].includes(name)));
  };

  it.each([
    ['', {}],
    ['(width: 256)', { width: '256' }],
    ['(format: WEBP)', { format: 'WEBP' }],
    ['(width: 16, format: AVIF, quality: 1)', { width: '16', format: 'AVIF', quality: '1' }],
    ['(width: 4096, format: JPEG, quality: 100)', { width: '4096', format: 'JPEG', quality: '100' }],
    ['(width: null, format: null, quality: null)', {}],
  ])('%s is signed with its arguments', async (argumentsText, expected) => {
    expect(await parameters(argumentsText)).toEqual(expected);
  });

  it.each([
    ['(width: 0)', 'width: must be at least 16'],
    ['(width: 15)', 'width: must be at least 16'],
    ['(width: 4097)', 'width: must be at most 4096'],
    ['(quality: 0)', 'quality: must be at least 1'],
    ['(quality: 101)', 'quality: must be at most 100'],
  ])('%s is rejected', async (argumentsText, message) => {
    const { errors } = await url(argumentsText);
    expect(errors).toMatchObject([{ message, path: ['node', 'url'], extensions: { code: 'BAD_USER_INPUT' } }]);
  });
});

describe('favoriteImage', () => {
  const favor = async (imageId: string, favorite: boolean) =>
    (await server.call<{ favoriteImage: object }>('FavoriteImage', { imageId, favorite })).favoriteImage;

  it('marks and unmarks an image, and can be repeated', async () => {
    const { globalId: id } = await add();
    for (const isFavorite of [true, true, false, false]) {
      expect(await favor(id, isFavorite)).toEqual({ __typename: 'GeneratedImage', id, isFavorite });
    }
  });

  it('returns NotFoundError for an image of another user', async () => {
    for (const id of await others()) expect(await favor(id, true)).toEqual(notFound);
    expect(await server.prisma.generatedImage.count({ where: { isFavorite: true } })).toBe(0);
  });
});

describe('deleteImage', () => {
  const remove = async (imageId: string) =>
    (await server.call<{ deleteImage: object }>('DeleteImage', { imageId })).deleteImage;

  it('deletes an image and leaves its generation unchanged', async () => {
    const image = await add();
    expect(await remove(image.globalId)).toEqual({ __typename: 'DeleteImagePayload', deletedId: image.globalId });
    const job = await server.prisma.job.findUniqueOrThrow({
      where: { id: image.generationId },
      include: { images: true },
    });
    expect(job).toMatchObject({ status: 'SUCCEEDED', output: { images: 1 }, images: [] });
    expect(await remove(image.globalId)).toEqual(notFound);
  });

  it('deletes the file with the last image that uses it', async () => {
    await server.prisma.generatedImage.deleteMany();
    const [one, two] = [await add(), await add()];
    const path = server.pathOf(one.fileHash);
    expect(two.fileHash).toBe(one.fileHash);
    await remove(one.globalId);
    expect(existsSync(path)).toBe(true);
    await remove(two.globalId);
    expect(existsSync(path)).toBe(false);
  });

  it('returns NotFoundError for an image of another user', async () => {
    const ids = await others();
    const before = await server.prisma.generatedImage.count();
    for (const id of ids) expect(await remove(id)).toEqual(notFound);
    expect(await server.prisma.generatedImage.count()).toBe(before);
  });
});
