/** Several processes on one PostgreSQL and one Redis, before one fal that a test can hold. */
import { readFileSync } from 'node:fs';
import { type Simulator, startSimulator } from '../../src/fal-simulator/server.ts';
import { onPostgres, type ServerDatabase } from '../support/databases.ts';
import { followAnywhere, type Seen } from '../support/follow.ts';
import { type Gate, openGate } from '../support/gate.ts';
import { gql, upload } from '../support/http.ts';
import { photoNames, photoPath } from '../support/photos.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';
import { openProxy, type Proxy } from '../support/proxy.ts';
import { openRedisServer, type TestRedis } from '../support/redis.ts';

const createDocument =
  'mutation { createAvatar(input: { portrait: { name: "Ada" } }) { ... on PortraitAvatar { id } } }';
const addDocument = 'mutation($input: AddPhotosInput!) { addPhotos(input: $input) { __typename } }';
const trainDocument =
  'mutation($input: StartTrainingInput!) { startTraining(input: $input) { ... on Job { id } ... on Error { message } } }';
export const generateDocument =
  'mutation($input: StartGenerationInput!) { startGeneration(input: $input) { ... on Job { id } ... on Error { message } } }';
const jobDocument = `query($id: ID!) { node(id: $id) { ... on Job { status error { code } events(first: 100) { edges { node { __typename sequence } } } }
  ... on Generation { images { url } } } }`;
type Told = {
  status: string;
  error: { code: string } | null;
  events: { edges: { node: Seen }[] };
  images?: { url: string }[];
};

export class ClusterWorld {
  readonly #processes: ServerProcess[] = [];
  readonly database: ServerDatabase;
  readonly redis: TestRedis;
  readonly simulator: Simulator;
  readonly gate: Gate;
  /** Between the processes and PostgreSQL. */
  readonly proxy: Proxy;

  private constructor(parts: Pick<ClusterWorld, 'database' | 'redis' | 'simulator' | 'gate' | 'proxy'>) {
    this.database = parts.database;
    this.redis = parts.redis;
    this.simulator = parts.simulator;
    this.gate = parts.gate;
    this.proxy = parts.proxy;
  }

  static async open(): Promise<ClusterWorld> {
    const database = await onPostgres();
    const redis = await openRedisServer();
    const simulator = await startSimulator({ dataDir: undefined, speed: 'quick' });
    const gate = await openGate(simulator.url);
    const proxy = await openProxy(database.env['DATABASE_URL'] ?? '');
    return new ClusterWorld({ database, redis, simulator, gate, proxy });
  }

  async start(env: Record<string, string> = {}): Promise<ServerProcess> {
    const process = await startProcess({
      ...this.database.env,
      DATABASE_URL: this.proxy.url,
      REDIS_URL: this.redis.url,
      FAL_MODE: 'live',
      FAL_KEY: this.simulator.key,
      FAL_BASE_URL: this.gate.url,
      FAL_SUBMITS_PER_MINUTE: '1000',
      ...env,
    });
    this.#processes.push(process);
    return process;
  }

  async close(): Promise<void> {
    for (const process of this.#processes) await process.end('SIGKILL');
    await this.gate.close();
    await this.simulator.close();
    await this.proxy.close();
    await this.redis.stop();
    await this.database.remove();
  }

  /** A portrait that can be drawn. Some process must work. */
  async learn(url: string): Promise<string> {
    const { data } = await gql<{ createAvatar: { id: string } }>(url, createDocument);
    const avatarId = data?.createAvatar.id ?? '';
    const names = photoNames('good').slice(0, 10);
    const files = names.map((name, n) => ({
      path: `variables.input.files.${n}`,
      name,
      content: readFileSync(photoPath(`good/${name}`)),
    }));
    await upload(url, addDocument, { input: { avatarId, files: names.map(() => null) } }, files);
    const started = await gql<{ startTraining: { id: string } }>(url, trainDocument, { input: { avatarId } });
    const { whole } = followAnywhere(() => url, started.data?.startTraining.id ?? '');
    if ((await whole).at(-1)?.__typename !== 'JobSucceeded') throw new Error('The training did not succeed.');
    return avatarId;
  }
}

/** Starts a drawing, as a client of `url`. */
export async function generate(url: string, avatarId: string, prompt = 'at sea'): Promise<string> {
  const input = { avatarId, prompt, numImages: 1 };
  const { data, errors } = await gql<{ startGeneration: { id: string } }>(url, generateDocument, { input });
  if (data?.startGeneration.id === undefined) throw new Error(JSON.stringify({ data, errors }));
  return data.startGeneration.id;
}

export async function look(url: string, id: string): Promise<Told> {
  const { data, errors } = await gql<{ node: Told }>(url, jobDocument, { id });
  if (data == null) throw new Error(JSON.stringify(errors));
  return data.node;
}
