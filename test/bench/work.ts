/** Jobs of a measurement: a style to draw with, generations of the smallest picture, and waiting for them. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { gql, upload } from '../support/http.ts';
import { photoNames, photoPath } from '../support/photos.ts';

/** Teaches fal a style through the server at that URL. Returns the finetune, which any server that works with that fal may import. */
export async function trainStyle(url: string): Promise<string> {
  const created = await ask<{ createAvatar: { id: string } }>(
    url,
    'mutation { createAvatar(input: { style: { name: "Ink" } }) { ... on AvatarProfile { id } } }',
  );
  const avatarId = created.createAvatar.id;
  const names = photoNames('good').slice(0, 10);
  await upload(
    url,
    'mutation ($input: AddPhotosInput!) { addPhotos(input: $input) { __typename } }',
    { input: { avatarId, files: names.map(() => null) } },
    names.map((name, n) => ({
      path: `variables.input.files.${n}`,
      name,
      content: readFileSync(photoPath(`good/${name}`)),
    })),
  );
  await ask(url, 'mutation ($id: ID!) { startTraining(input: { avatarId: $id, preset: FAST }) { __typename } }', {
    id: avatarId,
  });
  for (;;) {
    const { node } = await ask<{ node: { finetuneId: string | null } }>(
      url,
      'query ($id: ID!) { node(id: $id) { ... on StyleAvatar { finetuneId } } }',
      { id: avatarId },
    );
    if (node.finetuneId !== null) return node.finetuneId;
    await sleep(50);
  }
}

/** Returns the avatar's id. */
export async function importStyle(url: string, finetuneId: string): Promise<string> {
  const { importAvatar } = await ask<{ importAvatar: { id: string } }>(
    url,
    'mutation ($finetuneId: String!) { importAvatar(input: { style: { name: "Ink", triggerWord: "INK", finetuneId: $finetuneId } }) { ... on StyleAvatar { id } } }',
    { finetuneId },
  );
  return importAvatar.id;
}

const smallest = 'fluxProFinetuned: { imageSize: { width: 256, height: 256 }, numInferenceSteps: 1 }';

export async function startGeneration(
  url: string,
  avatarId: string,
  prompt: string,
  settings = smallest,
): Promise<string> {
  const { startGeneration } = await ask<{ startGeneration: { id?: string; __typename: string } }>(
    url,
    `mutation ($id: ID!, $prompt: String!) {
      startGeneration(input: { avatarId: $id, prompt: $prompt, preset: FAST, settings: { ${settings} } }) { __typename ... on Generation { id } }
    }`,
    { id: avatarId, prompt },
  );
  if (startGeneration.id === undefined) throw new Error(`startGeneration answered ${startGeneration.__typename}.`);
  return startGeneration.id;
}

/** Resolves when no job of the caller's is under way. */
export async function untilDone(url: string): Promise<void> {
  for (;;) {
    const { jobs } = await ask<{ jobs: { edges: unknown[] } }>(
      url,
      '{ jobs(active: true, first: 1) { edges { cursor } } }',
    );
    if (jobs.edges.length === 0) return;
    await sleep(20);
  }
}

/** How many of the newest hundred of the caller's jobs did not succeed. */
export async function failuresAt(url: string): Promise<number> {
  const { jobs } = await ask<{ jobs: { edges: { node: { status: string } }[] } }>(
    url,
    '{ jobs(first: 100) { edges { node { status } } } }',
  );
  return jobs.edges.filter(({ node }) => node.status !== 'SUCCEEDED').length;
}

/** One operation that must give no error. */
export async function ask<Data>(url: string, query: string, variables: Record<string, unknown> = {}): Promise<Data> {
  const { data, errors } = await gql<Data>(url, query, variables);
  if (errors?.[0] !== undefined || !data) throw new Error(errors?.[0]?.message ?? 'no data');
  return data;
}

/** Does it so often, so many at a time. */
export async function inParallel(count: number, atOnce: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}
