/** The client documents that must work unchanged: each operation is sent to a running server, and none is left out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kind, type OperationDefinitionNode, parse, print, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '../src/app/schema.ts';
import { type Answer, openSocket, sse, upload } from './support/http.ts';
import { startLikeness, type TestLikeness } from './support/likeness.ts';
import { photoNames, photoPath } from './support/photos.ts';

const folder = join(import.meta.dirname, 'operations');
const shared = join(import.meta.dirname, '../../shared/api/operations');
const documents = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));

/** An operation's name to a document with it and the fragments of its file. */
const operations = new Map(
  documents.flatMap(({ text }) => {
    const { definitions } = parse(text);
    const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).map(print);
    return definitions
      .filter((definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION)
      .map((operation) => [operation.name?.value ?? '', usedOnly(print(operation), fragments)] as const);
  }),
);

/** A document may not hold a fragment that its operation does not use. */
function usedOnly(operation: string, fragments: string[]): string {
  let document = operation;
  for (let size = 0; size < document.length; ) {
    size = document.length;
    for (const fragment of fragments) {
      const name = /^fragment (\w+)/.exec(fragment)?.[1] ?? '';
      if (document.includes(`...${name}`) && !document.includes(fragment)) document += `\n${fragment}`;
    }
  }
  return document;
}

describe('the client documents', () => {
  let likeness: TestLikeness;
  const sent = new Set<string>();
  beforeAll(async () => {
    likeness = await startLikeness();
  });
  afterAll(() => likeness.close());

  const documentOf = (name: string) => {
    sent.add(name);
    const document = operations.get(name);
    if (document === undefined) throw new Error(`There is no operation ${name}.`);
    return document;
  };
  /** What a document selects is known to its test alone. */
  type Fields = { id: string; url: string; [field: string]: unknown };
  const fieldOf = ({ data, errors }: Answer) => {
    expect(errors).toBeUndefined();
    return Object.values(data ?? {})[0] as Fields;
  };
  const send = async (name: string, variables: Record<string, unknown> = {}) =>
    fieldOf(await likeness.gql(documentOf(name), variables));

  const photos = async (avatarId: string) => {
    const names = photoNames('good').slice(0, 10);
    const files = names.map((name, n) => ({
      path: `variables.input.files.${n}`,
      name,
      content: readFileSync(photoPath(`good/${name}`)),
    }));
    const variables = { input: { avatarId, files: names.map(() => null) } };
    return fieldOf(await upload(likeness.url, documentOf('AddPhotos'), variables, files));
  };
  /** Follows a job to its end over WebSocket, and returns the types of its events. */
  const follow = async (jobId: string) => {
    const client = openSocket(likeness.url);
    const told: string[] = [];
    const events = client.iterate<{ jobEvents: { __typename: string } }>({
      query: documentOf('JobEvents'),
      variables: { jobId, after: 0 },
    });
    for await (const { data } of events) told.push(data?.jobEvents.__typename ?? '');
    await client.dispose();
    return told;
  };

  test.each(documents)('$name is what the contract has, and the schema takes it', ({ name, text }) => {
    const contract = existsSync(shared) ? readFileSync(join(shared, name), 'utf8') : text;
    expect(text).toBe(contract);
    expect(validate(schema, parse(text))).toEqual([]);
  });

  test('a portrait, from its name to its pictures', async () => {
    const snapshots = sse<{ jobChanged: { status: string } }>(likeness.url, documentOf('JobChanged'));
    const changed = snapshots.next();

    const created = await send('CreateAvatar', { input: { portrait: { name: ' Ada ' } } });
    expect(created).toMatchObject({ __typename: 'PortraitAvatar', name: 'Ada', status: 'DRAFT', isDefault: true });
    const avatarId = created.id;
    expect(await send('StartTraining', { input: { avatarId } })).toMatchObject({ __typename: 'DatasetNotReadyError' });

    const added = await photos(avatarId);
    expect(added['verdicts']).toHaveLength(10);
    const { edges } = (await send('AvatarById', { id: avatarId }))['photos'] as { edges: { node: Fields }[] };
    expect((await fetch(edges[0]?.node.url ?? '')).headers.get('content-type')).toBe('image/jpeg');

    const training = await send('StartTraining', { input: { avatarId, preset: 'FAST' } });
    expect(training).toMatchObject({
      status: 'QUEUED',
      photoCount: 10,
      avatar: { status: 'TRAINING' },
      settings: { __typename: 'FluxLoraPortraitTrainerSettings', steps: 1000, createMasks: false },
    });
    const told = await follow(training.id);
    expect(told.at(-1)).toBe('JobSucceeded');
    expect(told).toContain('JobLogged');
    expect((await changed).value.data.jobChanged.status).toBe('QUEUED');
    await snapshots.close();
    expect(await send('AvatarById', { id: avatarId })).toMatchObject({ status: 'READY', findings: [] });

    const started = await send('StartGeneration', {
      input: { avatarId, prompt: 'at sea', preset: 'FAST', numImages: 2, seed: 7 },
    });
    expect(started).toMatchObject({
      endpoint: 'fal-ai/flux-lora',
      settings: { numImages: 2, seed: 7, loraScale: 0.8 },
    });
    await follow(started.id);
    const generation = await send('GenerationById', { id: started.id });
    expect(generation).toMatchObject({
      status: 'SUCCEEDED',
      seed: '7',
      progress: { percent: 100 },
      avatar: { name: 'Ada' },
    });
    const images = generation['images'] as { id: string; url: string; width: number; height: number }[];
    expect(images.map(({ width, height }) => [width, height])).toEqual([
      [512, 512],
      [512, 512],
    ]);
    for (const { url } of images) expect((await fetch(url)).headers.get('content-type')).toBe('image/jpeg');

    expect(await send('JobById', { id: started.id, first: 3, after: 1 })).toMatchObject({
      events: {
        pageInfo: { hasNextPage: true },
        edges: [{ node: { sequence: 2 } }, { node: { sequence: 3 } }, { node: { sequence: 4 } }],
      },
    });
    expect(await send('Generations', { first: 10, avatarId, search: 'SEA' })).toMatchObject({
      edges: [{ node: { prompt: 'at sea' } }],
    });
    expect(await send('Jobs', { first: 1, active: false })).toMatchObject({ pageInfo: { hasNextPage: true } });
    expect(await send('CancelJob', { jobId: started.id })).toMatchObject({ __typename: 'JobFinishedError' });
    const again = await send('RetryJob', { jobId: started.id });
    expect(again).toMatchObject({ __typename: 'Generation', status: 'QUEUED' });
    await follow(again.id);

    const [image] = images;
    expect(await send('FavoriteImage', { imageId: image?.id, favorite: true })).toMatchObject({ isFavorite: true });
    expect(await send('DeleteImage', { imageId: image?.id })).toMatchObject({ deletedId: image?.id });
    expect((await fetch(image?.url ?? '')).status).toBe(404);
  });

  test('avatars: another default, a new name, a photo less, gone', async () => {
    const style = await send('ImportAvatar', {
      input: { style: { name: 'Ink', finetuneId: 'ft-1', triggerWord: 'INK' } },
    });
    expect(style).toMatchObject({ __typename: 'StyleAvatar', status: 'READY', trigger: 'INK', isDefault: false });
    expect(await send('SetDefaultAvatar', { avatarId: style.id })).toMatchObject({ isDefault: true });
    expect(await send('RenameAvatar', { input: { avatarId: style.id, name: 'Ink and wash' } })).toMatchObject({
      name: 'Ink and wash',
    });
    await photos(style.id);
    const { edges } = (await send('AvatarById', { id: style.id }))['photos'] as { edges: { node: Fields }[] };
    expect(await send('RemovePhoto', { photoId: edges[0]?.node.id })).toMatchObject({
      avatar: { readiness: { photoCount: 9 } },
    });
    expect(await send('Avatars', { first: 10, kind: 'STYLE', status: 'READY' })).toMatchObject({
      edges: [{ node: { name: 'Ink and wash' } }],
    });
    expect(await send('DeleteAvatar', { avatarId: style.id })).toMatchObject({ deletedId: style.id });
    expect((await likeness.gql(documentOf('AvatarById'), { id: style.id })).data).toEqual({ node: null });
  });

  test('what can be known beforehand', async () => {
    expect(await send('GenerationPresets')).toHaveLength(8);
    expect(await send('TrainingPresets')).toHaveLength(3);
    const { data } = await likeness.gql(documentOf('Server'));
    expect(data).toMatchObject({
      server: { falMode: 'SIMULATED', limits: { minPhotos: 10, maxPhotos: 20, falRequestsPerMinute: 100 } },
    });
  });

  test('every operation was sent', () => {
    expect([...sent].sort()).toEqual([...operations.keys()].sort());
  });
});
