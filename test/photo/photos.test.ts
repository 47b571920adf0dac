import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeGlobalID } from '@pothos/plugin-relay';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addPhotos } from '../../src/photo/commands.ts';
import { FileNotFound } from '../../src/storage/blob-store.ts';
import { UploadedFile } from '../../src/storage/uploaded-file.ts';
import { type Api, openApi } from '../support/api.ts';
import { goodPhotos, photoPath, uploaded } from '../support/photos.ts';

type Verdict = {
  fileName: string;
  problems: string[];
  warnings: string[];
  message: string;
  photo: { id: string; width: number; height: number } | null;
};
type Added = {
  addPhotos: {
    __typename: string;
    message?: string;
    job?: { id: string };
    avatar: { id: string; readiness: { ready: boolean; photoCount: number } };
    verdicts: Verdict[];
  };
};

const folder = mkdtempSync(join(tmpdir(), 'likeness-photos-'));
let api: Api;
let avatarId: string;
let id: string;

beforeAll(async () => {
  api = await openApi();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await api.close();
});
beforeEach(async () => {
  ({ avatarId, id } = await newAvatar());
});

async function newAvatar(viewer = api.viewer) {
  const avatar = await api.prisma.avatar.create({
    data: { ownerId: viewer.id, kind: 'PORTRAIT', name: 'Ada', triggerPhrase: 'TOK_1' },
  });
  return { avatarId: encodeGlobalID('PortraitAvatar', avatar.id), id: avatar.id };
}

const good = (...names: string[]) => names.map((name) => uploaded(photoPath(`good/${name}`)));
const add = async (files: UploadedFile[], to = avatarId) =>
  (await api.call<Added>('AddPhotos', { input: { avatarId: to, files } })).addPhotos;
const remove = async (photoId: string) =>
  (await api.call<{ removePhoto: Record<string, unknown> }>('RemovePhoto', { photoId })).removePhoto;
const rows = () => api.prisma.photo.findMany({ where: { avatarId: id }, orderBy: { position: 'asc' } });

/** `count` small photos, all different. */
async function plainPhotos(count: number): Promise<UploadedFile[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const path = join(folder, `${randomUUID()}.png`);
      const background = { r: index, g: Math.floor(Math.random() * 256), b: Math.floor(Math.random() * 256) };
      await sharp({ create: { width: 512, height: 512, channels: 3, background } })
        .png()
        .toFile(path);
      return uploaded(path, `plain ${index}.png`);
    }),
  );
}

async function startTraining() {
  return api.prisma.job.create({
    data: {
      ownerId: api.viewer.id,
      avatarId: id,
      kind: 'TRAINING',
      endpoint: 'fal-ai/flux-lora-portrait-trainer',
      input: {},
      photoCount: 10,
    },
  });
}

describe('addPhotos', () => {
  test('stores every good photo in order, and makes the avatar ready to train', async () => {
    const { avatar, verdicts } = await add(goodPhotos());
    expect(verdicts.map((verdict) => verdict.problems)).toEqual(verdicts.map(() => []));
    expect(avatar).toMatchObject({ id: avatarId, readiness: { ready: true, photoCount: 12 } });
    const photos = await rows();
    expect(photos.map((photo) => photo.fileName)).toEqual(goodPhotos().map((file) => file.fileName));
    expect(photos.map((photo) => photo.position)).toEqual(photos.map((_, index) => index + 1));
    expect(photos.filter((photo) => !existsSync(api.pathOf(photo.fileHash)))).toEqual([]);
    expect(verdicts[2]?.photo).toMatchObject({ width: 1000, height: 1300 });
  });

  test('stores the good photos when others are rejected, and returns a verdict for each file in order', async () => {
    const { avatar, verdicts } = await add([
      ...good('01.jpg'),
      uploaded(photoPath('bad/too-small-320x240.jpg')),
      uploaded(photoPath('bad/duplicate-of-01.jpg')),
      uploaded(photoPath('bad/warn-too-dark.jpg')),
      uploaded(photoPath('bad/empty.jpg')),
    ]);
    expect(verdicts.map(({ fileName, problems, warnings }) => [fileName, problems, warnings])).toEqual([
      ['01.jpg', [], []],
      ['too-small-320x240.jpg', ['TOO_SMALL'], []],
      ['duplicate-of-01.jpg', ['DUPLICATE'], []],
      ['warn-too-dark.jpg', [], ['TINY_FILE', 'TOO_DARK', 'LOW_CONTRAST']],
      ['empty.jpg', ['EMPTY'], []],
    ]);
    expect(verdicts.map((verdict) => verdict.photo !== null)).toEqual([true, false, false, true, false]);
    expect(verdicts[1]?.message).toBe('Refused: its shorter side is 240 px, at least 512 are needed.');
    expect(avatar.readiness.photoCount).toBe(2);
  });

  test('rejects a duplicate of a photo of the same avatar, but not of another avatar', async () => {
    await add(good('01.jpg'));
    const again = await add([...good('02.jpg'), uploaded(photoPath('bad/duplicate-of-01.jpg'))]);
    expect(again.verdicts.map((verdict) => verdict.problems)).toEqual([[], ['DUPLICATE']]);
    expect((await rows()).map((photo) => photo.position)).toEqual([1, 2]);
    const other = await newAvatar();
    expect((await add(good('01.jpg'), other.avatarId)).verdicts[0]?.problems).toEqual([]);
  });

  test('accepts 20 photos, and stores no file of the rest', async () => {
    const files = await plainPhotos(22);
    const { verdicts, avatar } = await add(files);
    expect(verdicts.map((verdict) => verdict.problems.join()).slice(19)).toEqual(['', 'AVATAR_FULL', 'AVATAR_FULL']);
    expect(avatar.readiness.photoCount).toBe(20);
    const stored = await api.prisma.storedFile.findMany({ where: { photos: { none: {} } } });
    expect(stored).toEqual([]);
    expect(onDisk()).toEqual((await api.prisma.storedFile.findMany()).map((file) => file.hash).sort());
    await remove(verdicts[0]?.photo?.id ?? '');
    expect((await add(files.slice(20, 21))).verdicts[0]?.problems).toEqual([]);
    expect((await rows()).at(-1)?.position).toBe(21);
  });

  test('gives each photo its own position when calls run concurrently, and stores at most 20', async () => {
    const files = await plainPhotos(24);
    const answers = await Promise.all([0, 8, 16].map((from) => add(files.slice(from, from + 8))));
    const problems = answers.flatMap(({ verdicts }) => verdicts.flatMap((verdict) => verdict.problems));
    expect(problems).toEqual(['AVATAR_FULL', 'AVATAR_FULL', 'AVATAR_FULL', 'AVATAR_FULL']);
    expect((await rows()).map((photo) => photo.position)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test.each([
    ['that is a path', '../../etc/passwd', '../../etc/passwd'],
    ['with control characters', 'a\u0000b\nc\u202Ed\u2028e.jpg', 'a b c d e.jpg'],
    ['that is not valid Unicode', '\uD800.jpg', '.jpg'],
    ['that is blank', ' \t ', 'unnamed'],
    ['of many characters', '👩'.repeat(300), '👩'.repeat(255)],
    ['of joined characters', '👩‍🚀.jpg', '👩‍🚀.jpg'],
  ])('shows a name %s on one line', async (_, fileName, shown) => {
    const [verdict] = (await add([uploaded(photoPath('good/02.jpg'), fileName)])).verdicts;
    expect(verdict).toMatchObject({ fileName: shown, problems: [] });
    expect((await rows())[0]?.fileName).toBe(shown);
  });

  test('rejects a truncated upload as too large', async () => {
    const path = photoPath('good/01.jpg');
    const cut = new UploadedFile({ fileName: '01.jpg', path, byteSize: 1000, isTruncated: true });
    expect((await add([cut])).verdicts[0]?.problems).toEqual(['TOO_LARGE']);
  });

  test('is rejected while the avatar is being trained, and works again after that', async () => {
    const job = await startTraining();
    expect(await add(good('01.jpg'))).toMatchObject({
      __typename: 'JobActiveError',
      message: expect.stringContaining('being trained'),
    });
    await api.move(job, 'CANCELLED');
    expect((await add(good('01.jpg'))).verdicts[0]?.problems).toEqual([]);
  });

  test('stores nothing when a training starts during the inspection of the files', async () => {
    const before = onDisk();
    const files = {
      ...api.app.files,
      async write(...args: Parameters<typeof api.app.files.write>) {
        const written = await api.app.files.write(...args);
        await startTraining();
        return written;
      },
    };
    const adding = addPhotos({ prisma: api.prisma, files }, api.viewer, {
      avatar: { id },
      files: await plainPhotos(1),
    });
    await expect(adding).rejects.toThrow('being trained');
    expect(await rows()).toEqual([]);
    expect(onDisk()).toEqual(before);
  });

  test('writes a file again when it was removed before it was recorded', async () => {
    let removals = 0;
    const files = {
      ...api.app.files,
      async write(...args: Parameters<typeof api.app.files.write>) {
        const written = await api.app.files.write(...args);
        removals += 1;
        if (removals < 3) rmSync(api.pathOf(written.hash));
        return written;
      },
    };
    const app = { prisma: api.prisma, files };
    const [verdict] = await addPhotos(app, api.viewer, { avatar: { id }, files: await plainPhotos(1) });
    expect(verdict?.problems).toEqual([]);
    expect(existsSync(api.pathOf(verdict?.photo?.fileHash ?? ''))).toBe(true);
    removals = -9;
    const adding = addPhotos(app, api.viewer, { avatar: { id }, files: await plainPhotos(1) });
    await expect(adding).rejects.toThrow(FileNotFound);
  });

  test('returns NotFoundError for an avatar that is unknown, deleted or another user’s', async () => {
    const deleted = await newAvatar();
    await api.prisma.avatar.update({ where: { id: deleted.id }, data: { deletedAt: new Date() } });
    const others = await newAvatar(await api.addViewer());
    const wrongKind = encodeGlobalID('StyleAvatar', id);
    for (const to of [deleted.avatarId, others.avatarId, wrongKind, encodeGlobalID('PortraitAvatar', 'x'), 'x', '']) {
      expect(await add(good('01.jpg'), to)).toMatchObject({ __typename: 'NotFoundError' });
    }
  });
});

describe('removePhoto', () => {
  test('deletes the photo, and its file when nothing else uses it', async () => {
    const other = await newAvatar();
    const files = await plainPhotos(1);
    const [verdict] = (await add(files, other.avatarId)).verdicts;
    const [photo] = (await add(files)).verdicts;
    const { fileHash } = (await rows())[0] ?? { fileHash: '' };
    expect(await remove(photo?.photo?.id ?? '')).toMatchObject({
      __typename: 'RemovePhotoPayload',
      avatar: { id: avatarId, readiness: { photoCount: 0 } },
    });
    expect(existsSync(api.pathOf(fileHash))).toBe(true);
    await remove(verdict?.photo?.id ?? '');
    expect(existsSync(api.pathOf(fileHash))).toBe(false);
    expect(await remove(verdict?.photo?.id ?? '')).toMatchObject({ __typename: 'NotFoundError' });
  });

  test('is rejected while the avatar is being trained', async () => {
    const [verdict] = (await add(good('01.jpg'))).verdicts;
    await startTraining();
    expect(await remove(verdict?.photo?.id ?? '')).toMatchObject({ __typename: 'JobActiveError' });
    expect(await rows()).toHaveLength(1);
  });

  test('returns NotFoundError for another user’s photo, a photo of a deleted avatar, and an id of another type', async () => {
    await add(good('01.jpg'));
    const photoId = encodeGlobalID('Photo', (await rows())[0]?.id ?? '');
    const stranger = await api.addViewer();
    const answer = await api.call<{ removePhoto: object }>('RemovePhoto', { photoId }, stranger);
    expect(answer.removePhoto).toMatchObject({ __typename: 'NotFoundError' });
    expect(await remove(avatarId)).toMatchObject({ __typename: 'NotFoundError' });
    expect(await remove(encodeGlobalID('Photo', randomUUID()))).toMatchObject({ __typename: 'NotFoundError' });
    await api.prisma.avatar.update({ where: { id }, data: { deletedAt: new Date() } });
    expect(await remove(photoId)).toMatchObject({ __typename: 'NotFoundError' });
    expect(await rows()).toHaveLength(1);
  });
});

describe('reading', () => {
  const node =
    'query ($id: ID!, $width: Int) { node(id: $id) { ... on Photo { id fileName mimeType byteSize width height warnings createdAt url(width: $width) } } }';

  test('only its owner can read a photo by id, until its avatar is deleted', async () => {
    await add(good('05.jpg'));
    const photoId = encodeGlobalID('Photo', (await rows())[0]?.id ?? '');
    const read = async (viewer = api.viewer) =>
      (await api.run(node, { id: photoId, width: 64 }, viewer)).data?.['node'];
    expect(await read()).toMatchObject({
      fileName: '05.jpg',
      mimeType: 'image/jpeg',
      byteSize: 16_877,
      width: 900,
      height: 1000,
      warnings: ['TINY_FILE'],
    });
    expect(await read(await api.addViewer())).toBeNull();
    await api.prisma.avatar.update({ where: { id }, data: { deletedAt: new Date() } });
    expect(await read()).toBeNull();
  });

  test('its URL is signed for the requested width', async () => {
    await add(good('05.jpg'));
    const [photo] = await rows();
    const photoId = encodeGlobalID('Photo', photo?.id ?? '');
    const url = async (width: number | null) => {
      const { data, errors } = await api.run(node, { id: photoId, width });
      const found = data?.['node'] as { url: string | URL } | null | undefined;
      return errors?.[0]?.message ?? new URL(found?.url ?? '');
    };
    const sized = await url(256);
    expect(sized).toMatchObject({ pathname: `/files/photos/${photo?.id}` });
    expect((sized as URL).searchParams.get('width')).toBe('256');
    expect(api.app.urls.verify(sized as URL)).toBe('OK');
    expect(((await url(null)) as URL).searchParams.has('width')).toBe(false);
    expect(await url(15)).toBe('width: must be at least 16');
    expect(await url(4097)).toBe('width: must be at most 4096');
  });

  test('pages of photos keep their order when photos were removed', async () => {
    await add(await plainPhotos(5));
    const [, second] = await rows();
    await remove(encodeGlobalID('Photo', second?.id ?? ''));
    const query = `query ($id: ID!, $first: Int, $after: String) { node(id: $id) { ... on AvatarProfile {
      photos(first: $first, after: $after) { pageInfo { hasNextPage endCursor } edges { node { fileName } } } } } }`;
    type Page = {
      node: {
        photos: { pageInfo: { hasNextPage: boolean; endCursor: string }; edges: { node: { fileName: string } }[] };
      };
    };
    const names: string[] = [];
    let after: string | null = null;
    for (let more = true; more; ) {
      const { data }: { data?: unknown } = await api.run(query, { id: avatarId, first: 3, after });
      const { photos } = (data as Page).node;
      names.push(...photos.edges.map((edge) => edge.node.fileName));
      ({ hasNextPage: more, endCursor: after } = photos.pageInfo);
    }
    expect(names).toEqual(['plain 0.png', 'plain 2.png', 'plain 3.png', 'plain 4.png']);
  });
});

test('addPhotos stores nothing when the disk is full', async () => {
  const full = await openApi({ free: async () => 1 });
  const avatar = await full.prisma.avatar.create({
    data: { ownerId: full.viewer.id, kind: 'PORTRAIT', name: 'Ada', triggerPhrase: 'TOK_1' },
  });
  const input = { avatarId: encodeGlobalID('PortraitAvatar', avatar.id), files: good('01.jpg') };
  expect((await full.call<Added>('AddPhotos', { input })).addPhotos).toMatchObject({ __typename: 'LimitReachedError' });
  await full.close();
});

/** The hashes of all stored files. */
function onDisk(): string[] {
  const root = join(api.pathOf('a'.repeat(64)), '../../..');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}
