/** Generations as a client of the API sees them: the schema over a database of the test's own, with nobody to run the jobs. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ExecutionResult, graphql } from 'graphql';
import { fromPglite, PgBoss } from 'pg-boss';
import { pino } from 'pino';
import type { Avatar, AvatarKind, Job, Prisma } from '../../prisma/generated/client/client.ts';
import type { App, Viewer } from '../../src/app.ts';
import { builder } from '../../src/builder.ts';
import { Events } from '../../src/event/events.ts';
import { Nudges } from '../../src/event/nudge.ts';
import { Steps } from '../../src/job/steps.ts';
import { openSignedUrls } from '../../src/storage/urls.ts';
import '../../src/avatar/mutation/schema.ts';
import '../../src/generation/mutation/schema.ts';
import '../../src/generation/preset/schema.ts';
import '../../src/generation/schema.ts';
import '../../src/image/schema.ts';
import '../../src/job/cancel-schema.ts';
import '../../src/job/event-schema.ts';
import '../../src/refusals.ts';
import '../../src/training/schema.ts';
import '../../src/user/schema.ts';
import { openTestDatabase } from './database.ts';
import { openTestFiles } from './files.ts';

/** The client documents of API.md, as they are. */
export const operations = readFileSync(new URL('../operations/generation.graphql', import.meta.url), 'utf8');

const schema = builder.toSchema();

export type Generations = Awaited<ReturnType<typeof openGenerations>>;

export async function openGenerations() {
  const database = await openTestDatabase();
  const { prisma, pglite } = database;
  const boss = new PgBoss({ db: fromPglite(pglite), schedule: false, supervise: false });
  await boss.start();
  const steps = new Steps(boss);
  await steps.open();
  const events = new Events(prisma, new Nudges());
  const files = openTestFiles(prisma);
  const lines: Record<string, unknown>[] = [];
  const app: App = {
    prisma,
    events,
    steps,
    files: files.files,
    urls: await openSignedUrls({ prisma, baseUrl: () => 'http://127.0.0.1:4000', now: () => new Date() }),
    tasks: {} as App['tasks'],
    falMode: 'SIMULATED',
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

    async close() {
      events.close();
      await boss.stop({ graceful: false });
      await database.close();
      files.remove();
    },
  };
}

export const globalId = (typeName: string, id: string) => Buffer.from(`${typeName}:${id}`).toString('base64');
export const uuidIn = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1] ?? '';
