/** A client of a running server: the operations that most tests need, typed. */
import { readFileSync } from 'node:fs';
import { followAnywhere } from './follow.ts';
import { gql, upload } from './http.ts';
import { photoNames, photoPath } from './photos.ts';

type Event = { __typename: string; sequence: number };

export type JobView = {
  __typename: string;
  status: string;
  requestId: string | null;
  error: { code: string } | null;
  events: { edges: { node: Event }[] };
  prompt?: string;
  images?: { id: string; url: string }[];
  avatar?: { status: string };
};

const refusal = '... on Error { __typename message }';

export class Client {
  readonly #url: () => string;
  readonly #headers: Record<string, string>;

  /** `url` is called for each operation: the server may have moved, or may be another one. */
  constructor(url: () => string, headers: Record<string, string> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  /** Sends one operation. Throws when the answer has errors or no data. */
  async send<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
    const { data, errors } = await gql<Data>(this.#url(), query, variables, this.#headers);
    if (data == null || errors !== undefined) throw new Error(JSON.stringify({ data, errors }));
    return data;
  }

  /** Sends an operation with one root field and returns the value of that field. */
  async field<Value = Record<string, unknown>>(query: string, variables: Record<string, unknown> = {}): Promise<Value> {
    return Object.values(await this.send<Record<string, Value>>(query, variables))[0] as Value;
  }

  /** The id of a new portrait without photos. */
  async createPortrait(portrait: { name?: string; triggerPhrase?: string } = {}): Promise<string> {
    return await this.#mutate('createAvatar', 'CreateAvatarInput', { portrait: { name: 'Ada', ...portrait } });
  }

  /** The id of a READY style. Its generations fail unless fal knows `finetuneId`. */
  async importStyle(finetuneId = 'unknown'): Promise<string> {
    const style = { name: 'Ink', triggerWord: 'INK', finetuneId };
    return await this.#mutate('importAvatar', 'ImportAvatarInput', { style });
  }

  /** Uploads good photos, by default as few as a training needs. */
  async addPhotos(avatarId: string, count = 10): Promise<void> {
    const names = photoNames('good').slice(0, count);
    const files = names.map((name, n) => ({
      path: `variables.input.files.${n}`,
      name,
      content: readFileSync(photoPath(`good/${name}`)),
    }));
    const document = `mutation($input: AddPhotosInput!) { addPhotos(input: $input) { ${refusal} } }`;
    const { errors } = await upload(
      this.#url(),
      document,
      { input: { avatarId, files: names.map(() => null) } },
      files,
    );
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
  }

  /** The job's id. */
  async startTraining(input: { avatarId: string } & Record<string, unknown>): Promise<string> {
    return await this.#mutate('startTraining', 'StartTrainingInput', input);
  }

  /** The job's id. */
  async startGeneration(input: { avatarId: string } & Record<string, unknown>): Promise<string> {
    return await this.#mutate('startGeneration', 'StartGenerationInput', { prompt: 'at sea', ...input });
  }

  async cancelJob(jobId: string): Promise<void> {
    await this.send('mutation($jobId: ID!) { cancelJob(jobId: $jobId) { __typename } }', { jobId });
  }

  async deleteAvatar(avatarId: string): Promise<void> {
    await this.send('mutation($avatarId: ID!) { deleteAvatar(avatarId: $avatarId) { __typename } }', { avatarId });
  }

  async job(id: string): Promise<JobView> {
    const document = `query($id: ID!) { node(id: $id) { __typename
      ... on Job { status requestId error { code } events(first: 100) { edges { node { __typename sequence } } } }
      ... on Generation { prompt images { id url } } ... on Training { avatar { ... on AvatarProfile { status } } } } }`;
    return await this.field<JobView>(document, { id });
  }

  /** Follows a job to its end, over every break of the connection. */
  follow(jobId: string) {
    return followAnywhere(this.#url, jobId);
  }

  /** Waits until the job ends. Throws unless it succeeds. */
  async untilSucceeded(jobId: string): Promise<void> {
    const end = (await this.follow(jobId).whole).at(-1)?.__typename;
    if (end !== 'JobSucceeded') throw new Error(`The job ended with ${end}.`);
  }

  /** The id of a new portrait with as many photos as a training needs. */
  async createPortraitWithPhotos(portrait: { triggerPhrase?: string } = {}): Promise<string> {
    const avatarId = await this.createPortrait(portrait);
    await this.addPhotos(avatarId);
    return avatarId;
  }

  /** The id of a trained portrait. Takes a whole training, so some process must work and fal must answer. */
  async trainPortrait(portrait: { triggerPhrase?: string } = {}): Promise<string> {
    const avatarId = await this.createPortraitWithPhotos(portrait);
    await this.untilSucceeded(await this.startTraining({ avatarId }));
    return avatarId;
  }

  /** Sends a mutation that answers an object with an id. Throws when it refuses. */
  async #mutate(name: string, inputType: string, input: Record<string, unknown>): Promise<string> {
    const document = `mutation($input: ${inputType}!) { ${name}(input: $input) { ... on Node { id } ${refusal} } }`;
    const answer = await this.field<{ id?: string }>(document, { input });
    if (answer.id === undefined) throw new Error(`${name}: ${JSON.stringify(answer)}`);
    return answer.id;
  }
}
