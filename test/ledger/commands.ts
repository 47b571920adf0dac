/** Turns each random operation into a call of the command in src/ that performs it. */
import { randomUUID } from 'node:crypto';
import type { Viewer } from '../../src/access/session.ts';
import type { App } from '../../src/app/app.ts';
import { deleteAvatar, importAvatar } from '../../src/avatar/commands.ts';
import type { Database } from '../../src/database/client.ts';
import { startGeneration } from '../../src/generation/commands.ts';
import { admitWaiting, publishPositions } from '../../src/job/capacity/waiting-line.ts';
import { cancelJob } from '../../src/job/commands/cancel-job.ts';
import { retryJob } from '../../src/job/commands/retry-job.ts';
import { type Claim, commitStep } from '../../src/job/runner/commit-step.ts';
import { end } from '../../src/job/runner/end.ts';
import { finalize } from '../../src/job/runner/finalize.ts';
import type { StepDependencies } from '../../src/job/runner/step-dependencies.ts';
import { issueCredits } from '../../src/ledger/commands.ts';
import { startTraining } from '../../src/training/commands.ts';
import { setUserLimits } from '../../src/user/commands.ts';
import type { Operation } from './operations.ts';

export type Owner = Viewer & {
  avatars: { id: string; kind: 'PORTRAIT' | 'STYLE' }[];
  /** The highest daily budget that has applied so far, in tenths of a credit; Infinity when there was none. */
  highestBudget: number;
};

export type Command = {
  run(parts: App & StepDependencies): Promise<unknown>;
  /** The row that it should write: its reason, prompt or dataset URL, and its amount or price in tenths. A repeated request has the same name. */
  row?: { name: string; tenths: number; isStart: boolean };
};

/** Undefined when the owner has nothing to apply the operation to. `number` identifies the operation. */
export async function commandOf(
  prisma: Database,
  clock: { ms: number },
  owner: Owner,
  operation: Operation,
  number: number,
): Promise<Command | undefined> {
  const { which, amount, images, key } = operation;
  const avatar = owner.avatars.at(-1 - which) ?? owner.avatars.at(-1);
  switch (operation.kind) {
    case 'grant':
    case 'correct': {
      const kind = operation.kind === 'grant' ? 'GRANT' : 'CORRECTION';
      const sign = kind === 'CORRECTION' && which % 2 === 0 ? -1 : 1;
      // Some requests repeat a key with another amount; the command rejects those.
      const tenths = sign * (key === null ? amount : 100 * (key + 1) + (images === 1 ? 5 : 0));
      const reason = key === null ? `operation ${number}` : `${kind} ${tenths} of key ${key}`;
      const input = { credits: tenths / 10, reason, idempotencyKey: key === null ? null : `key ${key}` };
      const row = { name: reason, tenths, isStart: false };
      return { row, run: (app) => issueCredits(app, owner.id, kind, input) };
    }
    case 'generate': {
      if (avatar === undefined) return undefined;
      const isUltra = avatar.kind === 'STYLE' && amount % 2 === 0;
      const numImages = isUltra ? 1 : images;
      const preset = isUltra ? 'ULTRA' : 'BALANCED';
      const prompt = key === null ? `operation ${number}` : `${avatar.id} ${key} ${preset} ${numImages}`;
      const input = {
        avatar,
        prompt,
        preset,
        numImages,
        idempotencyKey: key === null ? null : `drawing ${key}`,
      } as const;
      const row = { name: prompt, tenths: isUltra ? 75 : 50 * numImages, isStart: true };
      return { row, run: (app) => startGeneration(app, owner, input) };
    }
    case 'train': {
      if (avatar === undefined) return undefined;
      const datasetUrl = `https://example.com/${number}.zip`;
      const row = { name: datasetUrl, tenths: 1500, isStart: true };
      return { row, run: (app) => startTraining(app, owner, { avatar, datasetUrl: new URL(datasetUrl) }) };
    }
    case 'delete':
      return avatar && { run: (app) => deleteAvatar(app, owner, avatar) };
    case 'import':
      return { run: (app) => addAvatar(app, owner, which) };
    case 'budget': {
      const dailyBudget = which < 3 ? null : amount;
      owner.highestBudget = Math.max(owner.highestBudget, dailyBudget === null ? Infinity : 10 * dailyBudget);
      return { run: (app) => setUserLimits(app, owner.id, { dailyBudget }) };
    }
    case 'admit':
      return { run: (app) => admitWaiting(app) };
    case 'positions':
      clock.ms += 1_000;
      return { run: (app) => publishPositions(app) };
    case 'wait':
      clock.ms += (amount % 13) * 60 * 60_000;
      return undefined;
    case 'cancel':
    case 'retry':
    case 'progress':
    case 'finish':
    case 'fail':
    case 'stop':
      return await jobCommandOf(prisma, clock, owner, operation);
  }
}

async function jobCommandOf(
  prisma: Database,
  clock: { ms: number },
  owner: Owner,
  { kind: what, which, images, delivered }: Operation,
): Promise<Command | undefined> {
  const where = { ownerId: owner.id, ...(images > 1 && { finishedAt: null }) };
  const jobs = await prisma.job.findMany({ where, orderBy: { id: 'desc' }, take: 6, select: { id: true, kind: true } });
  const job = jobs[which % Math.max(1, jobs.length)];
  if (job === undefined) return undefined;
  if (what === 'cancel') return { run: (app) => cancelJob(app, owner, job) };
  if (what === 'retry') return { run: (app) => retryJob(app, owner, job) };
  const claim = await claimForEnd(prisma, job.id, clock);
  if (claim === undefined) return undefined;
  // What a step writes while a job runs: the job's row and an event, holding only the row's lock.
  const moved = { data: { failures: delivered }, events: [{ type: 'QUEUE_MOVED' as const, payload: { position: 0 } }] };
  if (what === 'progress') return { run: (parts) => commitStep(parts, claim, moved) };
  return { run: (parts) => endJob(parts, claim, what, delivered) };
}

/** Ends a job: 'finish' by success, 'fail' by failure, 'stop' by cancellation. */
export async function endJob(parts: StepDependencies, claim: Claim, how: string, delivered: number): Promise<void> {
  if (how === 'finish') return await finalize(parts, claim, new AbortController().signal);
  await end(parts, claim, how === 'stop' ? 'CANCELLED' : { code: 'INTERNAL', message: `Failed after ${delivered}.` });
}

/** Moves a job to FINALIZING from any status and claims it; undefined when it has already ended. */
export async function claimForEnd(prisma: Database, id: string, clock: { ms: number }): Promise<Claim | undefined> {
  const at = new Date(clock.ms);
  const sent = { admittedAt: at, submittingAt: at, submittedAt: at, queuePosition: null };
  const ids = { correlationToken: randomUUID(), requestId: randomUUID(), attemptToken: randomUUID() };
  await prisma.job.updateMany({ where: { id, status: 'QUEUED' }, data: { status: 'IN_QUEUE', ...sent, ...ids } });
  await prisma.job.updateMany({ where: { id, status: 'IN_QUEUE' }, data: { status: 'FINALIZING' } });
  const job = await prisma.job.findUnique({ where: { id } });
  if (job?.status !== 'FINALIZING' || job.attemptToken === null) return undefined;
  return { job, token: job.attemptToken, step: { id: randomUUID(), jobId: id } };
}

export async function addAvatar(app: App, owner: Owner, n: number): Promise<void> {
  const kind = n % 2 === 0 ? 'PORTRAIT' : 'STYLE';
  const diffusersLoraFileUrl = new URL('https://v3.fal.media/files/ada.safetensors');
  const input =
    kind === 'PORTRAIT'
      ? { portrait: { name: 'Ada', triggerPhrase: 'ADA', diffusersLoraFileUrl } }
      : { style: { name: 'Ink', triggerWord: 'INK', finetuneId: 'ink' } };
  const { id } = await importAvatar(app, owner, input);
  owner.avatars.push({ id, kind });
}
