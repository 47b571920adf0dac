/** Avatars and trainings as a client of the API sees them: the schema over a database of the test's own, with nobody to run the jobs. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { graphql, Kind, parse } from 'graphql';
import { fromPglite, PgBoss } from 'pg-boss';
import { pino } from 'pino';
import type { Job, JobStatus, Prisma } from '../../prisma/generated/client/client.ts';
import type { App, Viewer } from '../../src/app.ts';
import { Events } from '../../src/event/events.ts';
import { Nudges } from '../../src/event/nudge.ts';
import { FalError } from '../../src/fal/errors.ts';
import type { Fal } from '../../src/fal/port.ts';
import { Steps } from '../../src/job/steps.ts';
import { schema } from '../../src/schema.ts';
import { openSignedUrls } from '../../src/storage/urls.ts';
import { trainingTask } from '../../src/training/task.ts';
import { openTestDatabase } from './database.ts';
import { openTestFiles } from './files.ts';

/** The client documents of API.md, as they are, by the name of each operation. */
const documents = new Map<string, string>();
const folder = new URL('../operations/', import.meta.url);
for (const name of readdirSync(folder)) {
  const text = readFileSync(new URL(name, folder), 'utf8');
  for (const definition of parse(text).definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) documents.set(definition.name?.value ?? '', text);
  }
}

export type Api = Awaited<ReturnType<typeof openApi>>;

export async function openApi(options: { falMode?: App['falMode']; free?: () => Promise<number> } = {}) {
  const database = await openTestDatabase();
  const { prisma, pglite } = database;
  const boss = new PgBoss({ db: fromPglite(pglite), schedule: false, supervise: false });
  await boss.start();
  const steps = new Steps(boss);
  await steps.open();
  const events = new Events(prisma, new Nudges());
  const store = openTestFiles(prisma, options.free);
  const fal = fakeFal();
  const task = trainingTask({ prisma, files: store.files, fal: fal.port });
  const app: App = {
    prisma,
    events,
    steps,
    files: store.files,
    urls: await openSignedUrls({ prisma, baseUrl: () => 'http://127.0.0.1:4000', now: () => new Date() }),
    tasks: { TRAINING: task, GENERATION: { ...task, kind: 'GENERATION' } },
    falMode: options.falMode ?? 'LIVE',
    deadlineMs: () => 600_000,
    falLimits: { submitsPerMinute: 100, jobsAtOnce: 100, statusReadsPerMinute: 3_000 },
    log: pino({ enabled: false }),
    now: () => new Date(),
  };
  const addViewer = (): Promise<Viewer> => prisma.user.create({ data: { id: randomUUID() } });
  const viewer = await addViewer();

  /** Runs a document; its errors are the test's to look at. */
  const run = async (document: string, variables: Record<string, unknown> = {}, as = viewer, operation?: string) =>
    graphql({
      schema,
      source: document,
      operationName: operation ?? null,
      variableValues: variables,
      contextValue: { viewer: as, app },
    });

  return {
    app,
    prisma,
    pglite,
    files: store.files,
    fal,
    task,
    viewer,
    addViewer,
    run,

    /** Runs one of the client documents, which must give no error. */
    async call<Data>(operation: string, variables: Record<string, unknown> = {}, as = viewer): Promise<Data> {
      const { data, errors } = await run(documents.get(operation) ?? '', variables, as, operation);
      if (errors?.[0]) throw errors[0];
      // As it goes over the wire.
      return JSON.parse(JSON.stringify(data)) as Data;
    },

    /** A photo that is in the database only, or so many. */
    async addPhotos(avatarId: string, count: number): Promise<void> {
      const { ownerId } = await prisma.avatar.findUniqueOrThrow({ where: { id: avatarId } });
      const taken = await prisma.photo.count({ where: { avatarId } });
      for (let position = taken + 1; position <= taken + count; position += 1) {
        const fileHash = randomUUID().replaceAll('-', '').repeat(2);
        await prisma.storedFile.create({ data: { hash: fileHash, byteSize: 1, contentType: 'image/jpeg' } });
        const file = { fileName: `${position}.jpg`, mimeType: 'image/jpeg', byteSize: 1, width: 512, height: 512 };
        await prisma.photo.create({ data: { ...file, ownerId, avatarId, position, fileHash } });
      }
    },

    async move(job: Pick<Job, 'id'>, ...states: JobStatus[]): Promise<Job> {
      return moveJob(prisma, job, states);
    },

    async close() {
      events.close();
      await boss.stop({ graceful: false });
      await database.close();
      store.remove();
    },
  };
}

/** Moves a job to a state as the runner would, but without fal. */
async function moveJob(prisma: App['prisma'], { id }: Pick<Job, 'id'>, states: JobStatus[]): Promise<Job> {
  const job = await prisma.job.findUniqueOrThrow({ where: { id } });
  for (const status of states) await prisma.job.update({ where: { id }, data: { status, ...columnsOf(job, status) } });
  return prisma.job.findUniqueOrThrow({ where: { id } });
}

function columnsOf({ kind, endpoint }: Job, status: JobStatus): Prisma.JobUncheckedUpdateInput {
  const now = new Date();
  switch (status) {
    case 'IN_QUEUE':
      return {
        admittedAt: now,
        submittingAt: now,
        submittedAt: now,
        correlationToken: randomUUID(),
        requestId: randomUUID(),
      };
    case 'SUCCEEDED': {
      const lora = {
        diffusers_lora_file: { url: 'https://v3.fal.media/l' },
        config_file: { url: 'https://v3.fal.media/c' },
      };
      const trained = endpoint === 'fal-ai/flux-pro-trainer' ? { finetune_id: 'ft-1' } : lora;
      return { output: kind === 'TRAINING' ? trained : { images: 1 }, percent: 100, finishedAt: now };
    }
    case 'FAILED':
      return { errorCode: 'INTERNAL', errorMessage: 'No.', finishedAt: now };
    case 'CANCELLED':
      return { finishedAt: now };
    case 'QUEUED':
    case 'IN_PROGRESS':
    case 'FINALIZING':
      return {};
  }
}

/** fal's files: what is put up is kept, what is read must have been put there by the test. */
function fakeFal() {
  const files = new Map<string, Buffer>();
  const uploads: { fileName: string; byteSize: number; url: string }[] = [];
  const unasked = () => Promise.reject(new Error('The test asks fal for files only.'));
  const port: Fal = {
    submit: unasked,
    status: unasked,
    follow: () => {
      throw new Error('The test asks fal for files only.');
    },
    result: unasked,
    cancel: unasked,
    async upload(file, { fileName }) {
      const url = `https://v3.fal.media/files/${randomUUID()}/${fileName}`;
      uploads.push({ fileName, byteSize: file.size, url });
      files.set(url, Buffer.from(await file.arrayBuffer()));
      return url;
    },
    async download(url, { maxBytes }) {
      const bytes = files.get(url);
      if (bytes === undefined) throw new FalError('RESULT_LOST', 'The file is gone.', { status: 404 });
      if (bytes.length > maxBytes) throw new FalError('RESULT_LOST', 'The file is too large.');
      return Readable.from(bytes, { objectMode: false });
    },
  };
  return { port, files, uploads };
}

export const globalId = (typeName: string, id: string) => Buffer.from(`${typeName}:${id}`).toString('base64');
export const uuidIn = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1] ?? '';
