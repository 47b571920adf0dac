/** One generation on a whole Likeness against a scripted fal, stepped by hand: what fal answers, and what became of it. */

import sharp from 'sharp';
import type { Avatar } from '../../prisma/generated/client/client.ts';
import { localViewer } from '../../src/access/session.ts';
import type { StartOptions } from '../../src/app/start.ts';
import { globalId } from './global-id.ts';
import { liveAt, newDataFolder, startLikeness, type TestLikeness } from './likeness.ts';
import { addAvatar } from './rows.ts';
import { write } from './said.ts';
import { type Act, json, openScriptedFal, type ScriptedFal, text } from './scripted-fal.ts';

export const requestId = '11111111-2222-4333-8444-555555555555';
const app = '/fal-ai/flux-lora';
const request = `${app}/requests/${requestId}` as const;
/** What a generation asks fal. */
export const routes = {
  submit: `POST ${app}`,
  status: `GET ${request}/status`,
  stream: `GET ${request}/status/stream`,
  result: `GET ${request}`,
  cancel: `PUT ${request}/cancel`,
  picture: 'GET /picture-0.jpg',
} as const;

const startDocument = `mutation($input: StartGenerationInput!) { startGeneration(input: $input) { __typename ... on Generation { id } ... on Error { message } } }`;
const cancelDocument = `mutation($id: ID!) { cancelJob(jobId: $id) { __typename ... on Job { status } ... on JobFinishedError { message job { status } } ... on Error { message } } }`;
const jobDocument = `query($id: ID!) { node(id: $id) { ... on Job { status queuePosition requestId startedAt finishedAt
  progress { percent step totalSteps source } error { code message retryable field }
  events(first: 100) { edges { node { __typename sequence occurredAt ... on JobLogged { message } ... on JobQueueMoved { position } ... on JobProgressed { progress { percent source } } } } } } } }`;

export type ToldJob = {
  status: string;
  requestId: string | null;
  queuePosition: number | null;
  startedAt: string | null;
  progress: { percent: number | null; step: number | null; totalSteps: number | null; source: string };
  error: { code: string; message: string; retryable: boolean; field: string | null } | null;
  events: { edges: { node: Record<string, unknown> }[] };
};

const at = (n: number) => new Date(Date.UTC(2026, 0, 1) + n).toISOString();
const event = (status: object) => `data: ${JSON.stringify({ request_id: requestId, ...status })}\n\n`;
/** fal's answers and events. */
export const says = {
  accepted: json(200, { status: 'IN_QUEUE', request_id: requestId, queue_position: 3 }),
  cancelling: json(202, { status: 'CANCELLATION_REQUESTED' }),
  tooLate: json(400, { status: 'ALREADY_COMPLETED' }),
  queued: (position: number) => event({ status: 'IN_QUEUE', queue_position: position }),
  /** Log lines, each with its millisecond. */
  working: (...logs: [number, string][]) =>
    event({ status: 'IN_PROGRESS', logs: logs.map(([n, message]) => ({ timestamp: at(n), message, labels: {} })) }),
  done: event({ status: 'COMPLETED', logs: [], metrics: {} }),
  failed: (error_type: string) => event({ status: 'COMPLETED', error: 'failed', error_type }),
};

/** Holds a request until it is let go; then `act` answers it. */
export function held(act: Act): { act: Act; release: () => void } {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    release: () => release(),
    act: async (response, seen) => {
      await released;
      await act(response, seen);
    },
  };
}

export type ScriptedJob = {
  fal: ScriptedFal;
  likeness: TestLikeness;
  /** Starts a generation of one picture; its global id. */
  startGeneration(): Promise<string>;
  cancel(id: string): Promise<unknown>;
  look(id: string): Promise<ToldJob & { told: string[] }>;
  /** Steps until the job's status is as wished. Pauses are passed over. */
  work(id: string, until: (status: string) => boolean): Promise<void>;
  toTheEnd(id: string): Promise<void>;
  /** Stops the server and starts another on its data. */
  restart(): Promise<void>;
  /** Deletes the jobs, and lets fal answer as at first. A file opens one server, and each of its tests begins with this. */
  reset(): Promise<void>;
  close(): Promise<void>;
};

export async function openScriptedJob(
  overrides: StartOptions['overrides'] = {},
  env: Record<string, string> = {},
): Promise<ScriptedJob> {
  const fal = await openScriptedFal();
  const { dataDir, remove } = newDataFolder();
  const open = () =>
    startLikeness({
      env: { ...liveAt(fal.url), ...env },
      dataDir,
      manual: true,
      overrides: { followMs: 2_000, random: () => 0, ...overrides },
    });
  let likeness = await open();
  const avatar: Avatar = await addAvatar(likeness.app.prisma, localViewer.id, {
    diffusersLoraFileUrl: `${fal.url}/lora`,
  });
  const image = { url: `${fal.url}/picture-0.jpg` };
  const blank = { create: { width: 1024, height: 1024, channels: 3, background: 'teal' } } as const;
  const picture = await sharp(blank).jpeg().toBuffer();
  const answerAsAtFirst = () => {
    // JobSubscription begins with one read, and goes on by the stream.
    fal.always(routes.status, json(202, { status: 'IN_QUEUE', request_id: requestId, queue_position: 3 }));
    fal.always(routes.result, json(200, { images: [image], seed: 7, has_nsfw_concepts: [false] }));
    fal.always(routes.picture, text(200, picture, { 'content-type': 'image/jpeg' }));
  };
  answerAsAtFirst();

  const job: ScriptedJob = {
    fal,
    get likeness() {
      return likeness;
    },
    async startGeneration() {
      const avatarId = globalId('PortraitAvatar', avatar.id);
      const input = { avatarId, prompt: 'at sea', numImages: 1 };
      const { data } = await likeness.gql<{ startGeneration: { id: string } }>(startDocument, { input });
      return data?.startGeneration.id ?? '';
    },
    cancel: async (id) => (await likeness.gql<{ cancelJob: object }>(cancelDocument, { id })).data?.cancelJob,
    async look(id) {
      const { data } = await likeness.gql<{ node: ToldJob }>(jobDocument, { id });
      const told = data?.node as ToldJob;
      return { ...told, told: told.events.edges.map(({ node }) => String(node['__typename']).slice(3)) };
    },
    async work(id, until) {
      for (let ticks = 0; ticks < 100; ticks += 1) {
        if (until((await job.look(id)).status)) return;
        if ((await likeness.worker.tick()) > 0) continue;
        await likeness.app.prisma.$executeRaw`UPDATE pgboss.job SET start_after = now() WHERE state < 'active'`;
      }
      throw new Error(`The job is still ${(await job.look(id)).status}.`);
    },
    toTheEnd: (id) => job.work(id, (status) => ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(status)),
    async restart() {
      await likeness.close();
      likeness = await open();
    },
    async reset() {
      const { prisma, steps } = likeness.app;
      // The trigger by which a test breaks the database.
      await prisma.$executeRaw`DROP FUNCTION IF EXISTS fail CASCADE`;
      await prisma.job.deleteMany();
      await prisma.falBudget.updateMany({ data: { turn: 0, submits: [], pausedUntil: null, reads: 0, toldAt: null } });
      await prisma.retiredEndpoint.deleteMany();
      await steps.forgetAll();
      for (const line of likeness.logged.splice(0)) write(line);
      fal.reset();
      answerAsAtFirst();
    },
    async close() {
      await likeness.close();
      await fal.close();
      remove();
    },
  };
  return job;
}
