/**
 * What a client does against a server that may die at any moment: an avatar with photos, a training, generations of every
 * kind of end, a deletion. Whatever gets no answer, or a masked one, is asked again until the server is back, with the
 * same idempotency key where there is one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import sharp from 'sharp';
import { gql, subscribe, upload } from '../support/http.ts';

const documents = {
  create: `mutation { made: createAvatar(input: { portrait: { name: "Ada" } }) { ... on PortraitAvatar { id } } }`,
  import: `mutation { made: importAvatar(input: { style: { name: "Ink", finetuneId: "unknown", triggerWord: "INK" } }) { ... on StyleAvatar { id } } }`,
  add: `mutation($input: AddPhotosInput!) { made: addPhotos(input: $input) { __typename } }`,
  train: `mutation($input: StartTrainingInput!) { made: startTraining(input: $input) { __typename ... on Job { id } ... on Error { message } } }`,
  generate: `mutation($input: StartGenerationInput!) { made: startGeneration(input: $input) { __typename ... on Job { id } ... on Error { message } } }`,
  cancel: `mutation($id: ID!) { made: cancelJob(jobId: $id) { __typename } }`,
  delete: `mutation($id: ID!) { made: deleteAvatar(avatarId: $id) { __typename } }`,
  job: `query($id: ID!) { made: node(id: $id) { ... on Job { status requestId error { code } events(first: 100) { edges { node { __typename sequence } } } } ... on Generation { images { url } } ... on Training { avatar { ... on AvatarProfile { status } } } } }`,
  jobs: `{ made: jobs(first: 100) { edges { node { id } } } }`,
  events: `subscription($jobId: ID!, $after: Int) { jobEvents(jobId: $jobId, after: $after) { __typename sequence } }`,
};

/** The smallest that may be trained with: what counts here is that there are files. */
const photos = await Promise.all(
  Array.from({ length: 10 }, async (_, n) => {
    const background = { r: 40 + 20 * n, g: 120, b: 90 };
    return new Uint8Array(
      await sharp({ create: { width: 512, height: 512, channels: 3, background } })
        .jpeg()
        .toBuffer(),
    );
  }),
);

type Made = { __typename?: string; id: string; message?: string };
type Seen = { __typename: string; sequence: number };
export type Told = {
  status: string;
  requestId: string | null;
  error: { code: string } | null;
  events: { edges: { node: Seen }[] };
  images?: { url: string }[];
  avatar?: { status: string };
};

export const isTerminal = ({ __typename }: Seen) => /^Job(Succeeded|Failed|Cancelled)$/.test(__typename);

export type Followed = { id: string; what: string; seen: Seen[] };

export function clientOf(url: string) {
  /** Asks until there is an answer. A refusal is one. */
  async function ask<Data = Made>(document: string, variables: Record<string, unknown> = {}): Promise<Data> {
    for (;;) {
      const { data } = await gql<{ made: Data }>(url, document, variables).catch(() => ({ data: null }));
      if (data != null) return data.made;
      await pause(50);
    }
  }
  async function addPhotos(avatarId: string): Promise<void> {
    const files = photos.map((content, n) => ({ path: `variables.input.files.${n}`, name: `${n}.jpg`, content }));
    for (;;) {
      const variables = { input: { avatarId, files: files.map(() => null) } };
      const { data } = await upload(url, documents.add, variables, files).catch(() => ({ data: null }));
      if (data != null) return;
      await pause(50);
    }
  }
  async function start(what: string, document: string, input: object): Promise<Followed> {
    const { id, message } = await ask(document, { input: { ...input, idempotencyKey: what } });
    if (id === undefined) throw new Error(`${what} was refused: ${message}`);
    return { id, what, seen: [] };
  }
  /** Follows to the end, over every death of the server. */
  async function follow(job: Followed): Promise<Followed> {
    while (!job.seen.some(isTerminal)) {
      try {
        const after = job.seen.at(-1)?.sequence ?? 0;
        const stream = subscribe<{ jobEvents: Seen }>(url, documents.events, { jobId: job.id, after });
        for await (const { data } of stream) if (data) job.seen.push(data.jobEvents);
      } catch {
        await pause(50);
      }
    }
    return job;
  }

  return {
    look: (id: string) => ask<Told>(documents.job, { id }),
    jobIds: async () =>
      (await ask<{ edges: { node: { id: string } }[] }>(documents.jobs)).edges.map(({ node }) => node.id),
    /** The whole of it. Every job that was answered with an id, each followed to its end. */
    async play(): Promise<Followed[]> {
      const avatarId = (await ask(documents.create)).id;
      const style = (await ask(documents.import)).id;
      await addPhotos(avatarId);
      const refused = start('refused', documents.generate, { avatarId: style, prompt: 'a fox', preset: 'FAST' });
      const training = await follow(await start('training', documents.train, { avatarId, preset: 'FAST' }));
      if ((await ask<Told>(documents.job, { id: training.id })).status !== 'SUCCEEDED') {
        // A submit that was killed: its owner tries again, with another key.
        await follow(await start('training again', documents.train, { avatarId, preset: 'FAST' }));
      }
      const drawn = start('drawn', documents.generate, { avatarId, prompt: 'at sea', preset: 'FAST', numImages: 2 });
      const queued = await start('queued', documents.generate, { avatarId, prompt: '[[queued]] at home' });
      const isWaiting = async () => (await ask<Told>(documents.job, { id: queued.id })).status !== 'QUEUED';
      while (!(await isWaiting()) && !queued.seen.some(isTerminal)) await pause(50);
      await ask(documents.cancel, { id: queued.id });
      const followed = await Promise.all([refused.then(follow), drawn.then(follow), follow(queued)]);
      const doomed = (await ask(documents.import)).id;
      await ask(documents.delete, { id: doomed });
      return [training, ...followed];
    },
  };
}
