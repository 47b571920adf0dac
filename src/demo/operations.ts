/** The GraphQL documents of the demo, each with the types of its variables and its data. */

declare const types: unique symbol;
export type Operation<Variables, Data> = { document: string; [types]?: (variables: Variables) => Data };

const operation = <Variables, Data>(document: string): Operation<Variables, Data> => ({ document });

/** The interface Error, which every error of a mutation implements. */
export type ApiError = { message: string };

export const server = operation<object, { server: { version: string; falMode: 'LIVE' | 'SIMULATED' } }>(
  'query Server { server { version falMode } }',
);

export type Kind = 'portrait' | 'style';
export type Avatar = { id: string; name: string; trigger: string };

export const createAvatar = operation<
  { input: { portrait: { name: string } } | { style: { name: string } } },
  { createAvatar: Avatar | ApiError }
>(/* GraphQL */ `
  mutation CreateAvatar($input: CreateAvatarInput!) {
    createAvatar(input: $input) {
      ... on AvatarProfile { id name trigger }
      ... on Error { message }
    }
  }
`);

export type Verdict = { fileName: string; problems: string[]; message: string };
export type Readiness = { ready: boolean; photoCount: number; maxPhotos: number; missing: string[] };

export const addPhotos = operation<
  { input: { avatarId: string; files: null[] } },
  { addPhotos: { avatar: { readiness: Readiness }; verdicts: Verdict[] } | ApiError }
>(/* GraphQL */ `
  mutation AddPhotos($input: AddPhotosInput!) {
    addPhotos(input: $input) {
      ... on AddPhotosPayload {
        avatar { ... on AvatarProfile { readiness { ready photoCount maxPhotos missing } } }
        verdicts { fileName problems message }
      }
      ... on Error { message }
    }
  }
`);

export const startTraining = operation<
  { input: { avatarId: string; preset: string; idempotencyKey: string } },
  { startTraining: { id: string } | ApiError }
>(/* GraphQL */ `
  mutation StartTraining($input: StartTrainingInput!) {
    startTraining(input: $input) {
      ... on Training { id }
      ... on Error { message }
    }
  }
`);

export const startGeneration = operation<
  { input: { avatarId: string; prompt: string; preset: string; idempotencyKey: string } },
  { startGeneration: { id: string } | ApiError }
>(/* GraphQL */ `
  mutation StartGeneration($input: StartGenerationInput!) {
    startGeneration(input: $input) {
      ... on Generation { id }
      ... on Error { message }
    }
  }
`);

export type Image = { url: string; contentType: string; width: number; height: number };

export const images = operation<{ id: string }, { node: { images: Image[] } | null }>(/* GraphQL */ `
  query Images($id: ID!) {
    node(id: $id) {
      ... on Generation { images { url contentType width height } }
    }
  }
`);

export type JobEvent = { sequence: number; occurredAt: string } & (
  | { __typename: 'JobQueued' | 'JobSubmitted' | 'JobStarted' | 'JobFinalizing' | 'JobSucceeded' | 'JobCancelled' }
  | { __typename: 'JobQueueMoved'; position: number }
  | { __typename: 'JobLogged'; message: string }
  | {
      __typename: 'JobProgressed';
      progress: { percent: number | null; step: number | null; totalSteps: number | null; source: string };
    }
  | { __typename: 'JobFailed'; error: { code: string; message: string } }
);

export const jobEvents = operation<{ jobId: string; after: number }, { jobEvents: JobEvent }>(/* GraphQL */ `
  subscription JobEvents($jobId: ID!, $after: Int!) {
    jobEvents(jobId: $jobId, after: $after) {
      __typename
      sequence
      occurredAt
      ... on JobQueueMoved { position }
      ... on JobLogged { message }
      ... on JobProgressed { progress { percent step totalSteps source } }
      ... on JobFailed { error { code message } }
    }
  }
`);
