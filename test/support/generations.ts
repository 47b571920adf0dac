/** Generations as a client of the API sees them: the schema over a database of the test's own, with nobody to run the jobs. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { PGlite } from '@electric-sql/pglite';
import { type ExecutionResult, graphql } from 'graphql';
import { fromPglite, PgBoss } from 'pg-boss';
import { pino } from 'pino';
import { vi } from 'vitest';
import type { Avatar, AvatarKind, GeneratedImage, Job, Prisma } from '../../prisma/generated/client/client.ts';
import type { App, Viewer } from '../../src/app.ts';
import { Events } from '../../src/event/events.ts';
import { Nudges } from '../../src/event/nudge.ts';
import { Steps } from '../../src/job/steps.ts';
import { schema } from '../../src/schema.ts';
import { openSignedUrls } from '../../src/storage/urls.ts';
import { openTestDatabase } from './database.ts';
import { openTestFiles } from './files.ts';

/** The client documents of API.md, as they are. */
export const operations = readFileSync(new URL('../operations/generation.graphql', import.meta.url), 'utf8');

export type Generations = Awaited<ReturnType<typeof openGenerations>>;

/** `free` tells how many bytes are free on the disk of the files. */
export async function openGenerations({ free }: { free?: () => Promise<number> } = {}) {
  const database = await openTestDatabase();
  const { prisma, pglite } = database;
  const boss = new PgBoss({ db: fromPglite(pglite), schedule: false, supervise: false });
  await boss.start();
  const steps = new Steps(boss);
  await steps.open();
  const events = new Events(prisma, new Nudges());
  const files = openTestFiles(prisma, free);
  const lines: Record<string, unknown>[] = [];
  const app: App = {
    prisma,
    events,
    steps,
    files: files.files,
    urls: await openSignedUrls({ prisma, baseUrl: () => 'http://127.0.0.1:4000', now: () => new Date() }),
    tasks: {} as App['tasks'],
    falMode: 'SIMULATED',
    deadlineMs: () => 600_000,
    falLimits: { submitsPerMinute: 100, jobsAtOnce: 100, statusReadsPerMinute: 3_000 },
    log: pino({ level: 'trace' }, { write: (line: string) => lines.push(JSON.parse(line)) }),
    now: () => new Date(),
  };

  const addViewer = async (): Promise<Viewer> => await prisma.user.create({ data: { id: randomUUID() } });
  const viewer = await addViewer();

  return {
    app,
    prisma,
    pglite,
    boss,
    viewer,
    /** What was logged. */
    lines,
    addViewer,

    /** Runs a document; its errors are the test's to look at. */
    run: (source: string, variables: Record<string, unknown> = {}, as = viewer): Promise<ExecutionResult> =>
      graphql({
        schema,
        source,
        variableValues: variables,
        contextValue: { viewer: as, app },
      }),

    /** Runs one of the client documents, which must give no error. */
    async call<Data>(operation: string, variables: Record<string, unknown>, as: Viewer = viewer): Promise<Data> {
      const { data, errors } = await graphql({
        schema,
        source: operations,
        operationName: operation,
        variableValues: variables,
        contextValue: { viewer: as, app },
      });
      if (errors) throw errors[0];
      // Without the null prototypes that graphql-js gives.
      return structuredClone(data) as Data;
    },

    /** READY unless told otherwise. */
    async addAvatar(
      kind: AvatarKind,
      columns: Partial<Prisma.AvatarUncheckedCreateInput> = {},
    ): Promise<Avatar & { globalId: string }> {
      const model =
        kind === 'PORTRAIT'
          ? { triggerPhrase: 'TOK_ada', diffusersLoraFileUrl: 'https://v3.fal.media/files/ada.safetensors' }
          : { triggerWord: 'TOK_ink', finetuneId: 'finetune-ink' };
      const avatar = await prisma.avatar.create({
        data: { ownerId: viewer.id, kind, name: 'Ada', status: 'READY', ...model, ...columns },
      });
      const typeName = kind === 'PORTRAIT' ? 'PortraitAvatar' : 'StyleAvatar';
      return { ...avatar, globalId: globalId(typeName, avatar.id) };
    },

    /** Moves a job to a state as the runner would, but without fal. */
    async move(job: Pick<Job, 'id'>, ...states: Job['status'][]): Promise<void> {
      for (const status of states) {
        await prisma.job.update({
          where: { id: job.id },
          data: {
            status,
            ...(status === 'IN_QUEUE' && {
              admittedAt: new Date(),
              submittingAt: new Date(),
              correlationToken: randomUUID(),
              requestId: randomUUID(),
              submittedAt: new Date(),
            }),
            ...(status === 'SUCCEEDED' && { output: { images: 1 }, percent: 100, finishedAt: new Date() }),
            ...(status === 'FAILED' && { errorCode: 'INTERNAL', errorMessage: 'No.', finishedAt: new Date() }),
            ...(status === 'CANCELLED' && { finishedAt: new Date() }),
          },
        });
      }
    },

    /** Gives each generation so many images, all of one little picture. */
    async addImages(jobs: Pick<Job, 'id' | 'ownerId'>[], count: number): Promise<GeneratedImage[]> {
      const written = await app.files.write(dot, { maxBytes: dot.length });
      const file = { contentType: 'image/png', byteSize: written.byteSize };
      await prisma.$transaction((tx) => app.files.record(tx, [{ ...written, ...file }]));
      const drawn = {
        ...file,
        fileHash: written.hash,
        width: 1,
        height: 1,
        blurhash: 'L00000fQ',
        hasNsfwConcepts: false,
      };
      const data = jobs.flatMap(({ id, ownerId }) =>
        Array.from({ length: count }, (_, position) => ({ ...drawn, position, generationId: id, ownerId })),
      );
      return await prisma.generatedImage.createManyAndReturn({ data });
    },

    async close() {
      events.close();
      await boss.stop({ graceful: false });
      await database.close();
      files.remove();
    },
  };
}

/** How many SQL statements reach the database meanwhile. */
export async function countStatements(pglite: PGlite, work: () => Promise<void>): Promise<number> {
  const spies = [vi.spyOn(pglite, 'query'), vi.spyOn(pglite, 'exec')];
  try {
    await work();
    return spies.reduce((count, spy) => count + spy.mock.calls.length, 0);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** One pixel. */
const dot = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export const globalId = (typeName: string, id: string) => Buffer.from(`${typeName}:${id}`).toString('base64');
export const uuidIn = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1] ?? '';
