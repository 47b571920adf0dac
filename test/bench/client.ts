/** Calls of a server's API for a measurement: training a style, generating the smallest pictures, and waiting for the jobs. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { gql, upload } from '../support/http.ts';
import { photoNames, photoPath } from '../support/photos.ts';

/** Trains a style at fal through the server at `url`. Returns the finetune id. Every server of the same fal can import it. */
export async function trainStyle(url: string): Promise<string> {
  const created = await execute<{ createAvatar: { id: string } }>(
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
  await execute(url, 'mutation ($id: ID!) { startTraining(input: { avatarId: $id, preset: FAST }) { __typename } }', {
    id: avatarId,
  });
  for (;;) {
    const { node } = await execute<{ node: { finetuneId: string | null } }>(
      url,
      'query ($id: ID!) { node(id: $id) { ... on StyleAvatar { finetuneId } } }',
      { id: avatarId },
    );
    if (node.finetuneId !== null) return node.finetuneId;
    await sleep(50);
  }
}

/** Imports the style and returns the id of the new avatar. */
export async function importStyle(url: string, finetuneId: string): Promise<string> {
  const { importAvatar } = await execute<{ importAvatar: { id: string } }>(
    url,
    'mutation ($finetuneId: String!) { importAvatar(input: { style: { name: "Ink", triggerWord: "INK", finetuneId: $finetuneId } }) { ... on StyleAvatar { id } } }',
    { finetuneId },
  );
  return importAvatar.id;
}

const smallestPicture = 'fluxProFinetuned: { imageSize: { width: 256, height: 256 }, numInferenceSteps: 1 }';

export async function startGeneration(
  url: string,
  avatarId: string,
  prompt: string,
  settings = smallestPicture,
): Promise<string> {
  const { startGeneration } = await execute<{ startGeneration: { id?: string; __typename: string } }>(
    url,
    `mutation ($id: ID!, $prompt: String!) {
      startGeneration(input: { avatarId: $id, prompt: $prompt, preset: FAST, settings: { ${settings} } }) { __typename ... on Generation { id } }
    }`,
    { id: avatarId, prompt },
  );
  if (startGeneration.id === undefined) throw new Error(`startGeneration returned ${startGeneration.__typename}.`);
  return startGeneration.id;
}

/** Resolves when the caller has no active job. */
export async function untilDone(url: string): Promise<void> {
  for (;;) {
    const { jobs } = await execute<{ jobs: { edges: unknown[] } }>(
      url,
      '{ jobs(active: true, first: 1) { edges { cursor } } }',
    );
    if (jobs.edges.length === 0) return;
    await sleep(20);
  }
}

/** The number of the caller's 100 newest jobs that have not succeeded. */
export async function countFailures(url: string): Promise<number> {
  const { jobs } = await execute<{ jobs: { edges: { node: { status: string } }[] } }>(
    url,
    '{ jobs(first: 100) { edges { node { status } } } }',
  );
  return jobs.edges.filter(({ node }) => node.status !== 'SUCCEEDED').length;
}

/** Executes one operation. Throws if the response has an error or no data. */
export async function execute<Data>(
  url: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Data> {
  const { data, errors } = await gql<Data>(url, query, variables);
  if (errors?.[0] !== undefined || !data) throw new Error(errors?.[0]?.message ?? 'The response has no data.');
  return data;
}

/** Calls `work` `count` times, with at most `concurrency` calls at a time. */
export async function inParallel(
  count: number,
  concurrency: number,
  work: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}
