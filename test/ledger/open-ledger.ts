/** `openGenerations` with metering on and a stopped clock, and helpers that read and move credits through the API. */
import { Readable } from 'node:stream';
import sharp from 'sharp';
import type { Viewer } from '../../src/access/session.ts';
import { FalError } from '../../src/fal/errors.ts';
import { generationTask } from '../../src/generation/task.ts';
import type { StepDependencies } from '../../src/job/runner/step-dependencies.ts';
import { issueCredits } from '../../src/ledger/commands.ts';
import { trainingTask } from '../../src/training/task.ts';
import { type Generations, openGenerations } from '../support/generations.ts';
import { globalId } from '../support/global-id.ts';
import { claimForEnd, endJob } from './commands.ts';

/** Noon, so that half of the spending day is left. */
export const noon = new Date(Date.UTC(2026, 5, 1, 12));

export type Account = { balance: number; reserved: number; spentToday: number; dailyBudget: number | null };
export type Refused = { __typename: string; id: string; message?: string } & Record<string, unknown>;

export async function openLedger(free?: () => Promise<number>) {
  const server: Generations = await openGenerations(free ? { free } : {});
  const { app, prisma } = server;
  app.metering.isOn = true;
  app.now = () => noon;
  const blank = { create: { width: 64, height: 64, channels: 3, background: 'teal' } } as const;
  const picture = await sharp(blank).jpeg().toBuffer();
  /** The images of fal's next result, one letter each: `x` is lost, `!` is flagged, any other is fine. */
  let images = '';
  const fal = {
    result: () =>
      Promise.resolve({
        images: Array.from(images, (how, n) => ({ url: `https://v3.fal.media/${n}-${how}.jpg` })),
        has_nsfw_concepts: Array.from(images, (how) => how === '!'),
        seed: 7,
      }),
    download: (url: string) =>
      url.includes('x.jpg')
        ? Promise.reject(new FalError('RESULT_LOST', 'The image is gone.'))
        : Promise.resolve(Readable.from([picture])),
  };
  type Parts = Parameters<typeof generationTask>[0] & Parameters<typeof trainingTask>[0] & StepDependencies;
  const parts = { ...app, fal } as unknown as Parts;
  app.tasks = { GENERATION: generationTask(parts), TRAINING: trainingTask(parts) };
  parts.tasks = app.tasks;

  const accountDocument = '{ viewer { balance reserved spentToday dailyBudget } }';
  return {
    ...server,
    noon,
    /** Creates a user with these credits and two READY avatars. */
    async addOwner(credits: number) {
      const owner: Viewer = await server.addViewer();
      if (credits > 0) await issueCredits(app, owner.id, 'GRANT', { credits, reason: 'to begin with' });
      const portrait = await server.addAvatar('PORTRAIT', { ownerId: owner.id });
      const style = await server.addAvatar('STYLE', { ownerId: owner.id, name: 'Ink' });
      return { owner, userId: globalId('User', owner.id), portrait: portrait.globalId, style: style.globalId };
    },
    /** Runs a document and returns its data. Throws its first error. */
    async ask<Data>(document: string, variables: Record<string, unknown> = {}, as?: Viewer): Promise<Data> {
      const { data, errors } = await server.run(document, variables, as);
      if (errors) throw errors[0];
      return JSON.parse(JSON.stringify(data)) as Data;
    },
    async account(as: Viewer): Promise<Account> {
      const { data } = await server.run(accountDocument, {}, as);
      return { ...(data as { viewer: Account }).viewer };
    },
    /** Ends a job as the runner does: 'fail', 'stop', or success with these images (see `images`). */
    async end(id: string, how: string) {
      const uuid = Buffer.from(id, 'base64').toString().split(':')[1] ?? '';
      const claim = await claimForEnd(prisma, uuid, { ms: noon.getTime() });
      if (claim === undefined) throw new Error('The job has already ended.');
      images = how;
      const isEnd = how === 'fail' || how === 'stop';
      await endJob({ ...parts, prisma, events: app.events }, claim, isEnd ? how : 'finish', 0);
    },
    /** All rows of the tables that a start could write to. */
    async rows(): Promise<Record<string, unknown[]>> {
      const tables = ['"User"', '"Avatar"', '"Job"', '"JobEvent"', '"LedgerEntry"', '"RetiredEndpoint"', 'pgboss.job'];
      const all: Record<string, unknown[]> = {};
      for (const table of tables) {
        const { rows } = await server.pglite.query(`SELECT to_jsonb(t) AS row FROM ${table} t ORDER BY 1`);
        all[table] = rows;
      }
      return all;
    },
  };
}
