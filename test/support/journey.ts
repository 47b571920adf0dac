/** What a client does on its way to a picture, over HTTP and WebSocket: a portrait, its photos, jobs followed to their end. */
import { readFileSync } from 'node:fs';
import { subscribe, upload } from './http.ts';
import type { TestLikeness } from './likeness.ts';
import { photoNames, photoPath } from './photos.ts';

type Node = { id: string; __typename: string; [field: string]: unknown };

/** Sends an operation with one root field and returns the value of that field. Throws if the answer has errors. */
export async function send(likeness: TestLikeness, document: string, variables: object = {}): Promise<Node> {
  const { data, errors } = await likeness.gql<Record<string, Node>>(document, { ...variables });
  const [value] = Object.values(data ?? {});
  if (errors !== undefined || value === undefined) throw new Error(JSON.stringify(errors));
  return value;
}

/** A DRAFT portrait with ten photos, as many as a training needs. Returns its id. */
export async function addPortraitWithPhotos(likeness: TestLikeness): Promise<string> {
  const { id } = await send(
    likeness,
    'mutation { createAvatar(input: { portrait: { name: "Ada", triggerPhrase: "TOK_ada" } }) { ... on PortraitAvatar { id } } }',
  );
  const names = photoNames('good').slice(0, 10);
  await upload(
    likeness.url,
    'mutation($input: AddPhotosInput!) { addPhotos(input: $input) { __typename } }',
    { input: { avatarId: id, files: names.map(() => null) } },
    names.map((name, index) => ({
      path: `variables.input.files.${index}`,
      name,
      content: readFileSync(photoPath(`good/${name}`)),
    })),
  );
  return id;
}

/** Starts a job with `startTraining` or `startGeneration`, follows it to its end and returns its id. Throws unless it succeeds. */
export async function runJob(likeness: TestLikeness, type: 'Training' | 'Generation', input: object): Promise<string> {
  const { id, ...error } = await send(
    likeness,
    `mutation($input: Start${type}Input!) { start${type}(input: $input) { __typename ... on ${type} { id } ... on Error { message } } }`,
    { input },
  );
  if (id === undefined) throw new Error(JSON.stringify(error));
  const types: string[] = [];
  const document = 'subscription($id: ID!) { jobEvents(jobId: $id) { __typename } }';
  for await (const { data } of subscribe<{ jobEvents: Node }>(likeness.url, document, { id }))
    types.push(data?.jobEvents.__typename ?? '');
  if (types.at(-1) !== 'JobSucceeded') throw new Error(types.join(', '));
  return id;
}
