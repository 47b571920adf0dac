/** Generations as a client of the API sees them: the schema over a database of the test's own, with nobody to run the jobs. */
import { readFileSync } from 'node:fs';
import type { PGlite } from '@electric-sql/pglite';
import { pino } from 'pino';
import { vi } from 'vitest';
import type { Avatar, AvatarKind, GeneratedImage, Job, Prisma } from '../../prisma/generated/client/client.ts';
import type { Viewer } from '../../src/access/session.ts';
import { openTestApp } from './app.ts';
import { globalId } from './global-id.ts';
import { moveJob } from './move-job.ts';

/** The client documents of API.md, as they are. */
export const operations = readFileSync(new URL('../operations/generation.graphql', import.meta.url), 'utf8');

export type Generations = Awaited<ReturnType<typeof openGenerations>>;

/** `free` tells how many bytes are free on the disk of the files. */
export async function openGenerations({ free }: { free?: () => Promise<number> } = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const opened = await openTestApp({ falMode: 'SIMULATED', log, free });
  const { app, prisma, viewer, run } = opened;

  return {
    ...opened,
    /** What was logged. */
    lines,

    /** Runs one of the client documents, which must give no error. */
    async call<Data>(operation: string, variables: Record<string, unknown>, as: Viewer = viewer): Promise<Data> {
      const { data, errors } = await run(operations, variables, as, operation);
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

    async move(job: Pick<Job, 'id'>, ...states: Job['status'][]): Promise<void> {
      await moveJob(prisma, job, states);
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
