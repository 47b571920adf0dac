/** Each operation through the function of src/ that does it. */
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
  /** The highest daily budget that was in force, in tenths; Infinity for none. */
  highestBudget: number;
};

export type Act = {
  work(parts: App & StepDependencies): Promise<unknown>;
  /** What its rows carry, and the tenths that it gives or asks for. The same name again is the same asked again. */
  named?: { name: string; tenths: number; isStart: boolean };
};

/** Undefined when there is nothing to do it to. `number` is the operation's own. */
export async function actOf(
  prisma: Database,
  clock: { ms: number },
  owner: Owner,
  operation: Operation,
  number: number,
): Promise<Act | undefined> {
  const { which, amount, images, key } = operation;
  const avatar = owner.avatars.at(-1 - which) ?? owner.avatars.at(-1);
  switch (operation.do) {
    case 'grant':
    case 'correct': {
      const kind = operation.do === 'grant' ? 'GRANT' : 'CORRECTION';
      const sign = kind === 'CORRECTION' && which % 2 === 0 ? -1 : 1;
      // One key stands for several amounts now and then, and that is refused.
      const tenths = sign * (key === null ? amount : 100 * (key + 1) + (images === 1 ? 5 : 0));
      const reason = key === null ? `operation ${number}` : `${kind} ${tenths} of key ${key}`;
      const input = { credits: tenths / 10, reason, idempotencyKey: key === null ? null : `key ${key}` };
      const named = { name: reason, tenths, isStart: false };
      return { named, work: (app) => issueCredits(app, owner.id, kind, input) };
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
      const named = { name: prompt, tenths: isUltra ? 75 : 50 * numImages, isStart: true };
      return { named, work: (app) => startGeneration(app, owner, input) };
    }
    case 'train': {
      if (avatar === undefined) return undefined;
      const datasetUrl = `https://example.com/${number}.zip`;
      const named = { name: datasetUrl, tenths: 1500, isStart: true };
      return { named, work: (app) => startTraining(app, owner, { avatar, datasetUrl: new URL(datasetUrl) }) };
    }
    case 'delete':
      return avatar && { work: (app) => deleteAvatar(app, owner, avatar) };
    case 'import':
      return { work: (app) => addAvatar(app, owner, which) };
    case 'budget': {
      const dailyBudget = which < 3 ? null : amount;
      owner.highestBudget = Math.max(owner.highestBudget, dailyBudget === null ? Infinity : 10 * dailyBudget);
      return { work: (app) => setUserLimits(app, owner.id, { dailyBudget }) };
    }
    case 'admit':
      return { work: (app) => admitWaiting(app) };
    case 'tell':
      clock.ms += 1_000;
      return { work: (app) => publishPositions(app) };
    case 'wait':
      clock.ms += (amount % 13) * 60 * 60_000;
      return undefined;
    case 'cancel':
    case 'retry':
    case 'note':
    case 'finish':
    case 'fail':
    case 'stop':
      return await actOnJob(prisma, clock, owner, operation);
  }
}

async function actOnJob(
  prisma: Database,
  clock: { ms: number },
  owner: Owner,
  { do: what, which, images, delivered }: Operation,
): Promise<Act | undefined> {
  const where = { ownerId: owner.id, ...(images > 1 && { finishedAt: null }) };
  const jobs = await prisma.job.findMany({ where, orderBy: { id: 'desc' }, take: 6, select: { id: true, kind: true } });
  const job = jobs[which % Math.max(1, jobs.length)];
  if (job === undefined) return undefined;
  if (what === 'cancel') return { work: (app) => cancelJob(app, owner, job) };
  if (what === 'retry') return { work: (app) => retryJob(app, owner, job) };
  const claim = await claimOf(prisma, job.id, clock);
  if (claim === undefined) return undefined;
  // What a step writes between a job's start and its end: the row, and an event, under the row's lock alone.
  const moved = { data: { failures: delivered }, events: [{ type: 'QUEUE_MOVED' as const, payload: { position: 0 } }] };
  if (what === 'note') return { work: (parts) => commitStep(parts, claim, moved) };
  return { work: (parts) => endOf(parts, claim, what, delivered) };
}

/** By success, failure, or because fal was asked to stop. */
export async function endOf(parts: StepDependencies, claim: Claim, how: string, delivered: number): Promise<void> {
  if (how === 'finish') return await finalize(parts, claim, new AbortController().signal);
  await end(parts, claim, how === 'stop' ? 'CANCELLED' : { code: 'INTERNAL', message: `Not ${delivered}.` });
}

/** A job that is about to end, wherever it was; undefined when it has ended. */
export async function claimOf(prisma: Database, id: string, clock: { ms: number }): Promise<Claim | undefined> {
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
