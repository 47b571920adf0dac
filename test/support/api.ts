/** Avatars and trainings as a client of the API sees them: the schema over a database of the test's own, with nobody to run the jobs. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { Kind, parse } from 'graphql';
import type { Job, JobStatus } from '../../prisma/generated/client/client.ts';
import type { App } from '../../src/app/app.ts';
import { FalError } from '../../src/fal/errors.ts';
import type { Fal } from '../../src/fal/port.ts';
import { trainingTask } from '../../src/training/task.ts';
import { openTestApp } from './app.ts';
import { moveJob } from './move-job.ts';

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
  const opened = await openTestApp({ falMode: options.falMode ?? 'LIVE', free: options.free });
  const { app, prisma, viewer, run } = opened;
  const fal = fakeFal();
  const task = trainingTask({ ...app, allowLoopback: true, fal: fal.port });
  app.tasks = { ...app.tasks, TRAINING: task };

  return {
    ...opened,
    fal,
    task,

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
  };
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
