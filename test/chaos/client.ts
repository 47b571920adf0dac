/** An owner at work: makes avatars, starts trainings and generations, retries and cancels some, follows them. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../src/fal-simulator/random.ts';
import { photoNames, photoPath } from '../support/photos.ts';
import { type Followed, follow } from './follower.ts';
import type { Caller } from './owner.ts';

/** A job that was answered with an id. `tag` is in its input, which fal keeps: by it the two are matched from outside. */
export type StartedJob = {
  id: string;
  tag: string;
  kind: 'TRAINING' | 'GENERATION';
  numImages: number;
  caller: Caller;
};

export type Journal = {
  started: StartedJob[];
  /** Of avatars that are deleted: nobody is shown them any more. */
  gone: StartedJob[];
  /** Tags of jobs that were started anew. Without a key, a call that is sent again may have started two. */
  retried: Set<string>;
  followed: { job: StartedJob; whole: Promise<Followed> }[];
  refusals: Map<string, number>;
  wrong: string[];
  signal: AbortSignal;
  /** A number that no other job of the run has. */
  nextTag(): number;
  /** Gives an owner credits. */
  grant(to: Caller, credits: number): Promise<void>;
};

export type ChaosAvatar = { id: string; kind: 'PORTRAIT' | 'STYLE' };

const started = '__typename ... on Job { id } ... on Error { message }';
const documents = {
  create: `mutation($input: CreateAvatarInput!) { createAvatar(input: $input) { ... on AvatarProfile { id } ... on Error { message } } }`,
  import: `mutation($input: ImportAvatarInput!) { importAvatar(input: $input) { ... on AvatarProfile { id } ... on Error { message } } }`,
  addPhotos: `mutation($input: AddPhotosInput!) { addPhotos(input: $input) { __typename ... on Error { message } } }`,
  train: `mutation($input: StartTrainingInput!) { start: startTraining(input: $input) { ${started} } }`,
  generate: `mutation($input: StartGenerationInput!) { start: startGeneration(input: $input) { ${started} } }`,
  retry: `mutation($jobId: ID!) { start: retryJob(jobId: $jobId) { ${started} } }`,
  delete: `mutation($id: ID!) { deleteAvatar(avatarId: $id) { __typename } }`,
  cancel: `mutation($jobId: ID!) { cancelJob(jobId: $jobId) { __typename } }`,
};

type Start = { start: { __typename: string; id?: string; message?: string } };

export async function createAvatar({ call }: Caller, kind: ChaosAvatar['kind'], name: string): Promise<ChaosAvatar> {
  const input = kind === 'PORTRAIT' ? { portrait: { name } } : { style: { name } };
  const { createAvatar } = await call<{ createAvatar: { id: string } }>(documents.create, { input });
  const avatarId = createAvatar.id;
  const names = photoNames('good').slice(0, 10);
  const files = names.map((name, n) => ({
    path: `variables.input.files.${n}`,
    name,
    content: readFileSync(photoPath(`good/${name}`)),
  }));
  await call(documents.addPhotos, { input: { avatarId, files: names.map(() => null) } }, files);
  return { id: avatarId, kind };
}

export async function importStyle({ call }: Caller, name: string, finetuneId: string): Promise<ChaosAvatar> {
  const input = { style: { name, finetuneId, triggerWord: 'INK' } };
  const { importAvatar } = await call<{ importAvatar: { id: string } }>(documents.import, { input });
  return { id: importAvatar.id, kind: 'STYLE' };
}

/** Starts a training and follows it; undefined when it was refused. */
export async function train(caller: Caller, avatar: ChaosAvatar, random: Random, journal: Journal) {
  const number = journal.nextTag();
  const tag = avatar.kind === 'PORTRAIT' ? `steps ${1000 + number}` : `chaos training ${number}`;
  const settings =
    avatar.kind === 'PORTRAIT'
      ? { fluxLoraPortraitTrainer: { steps: 1000 + number } }
      : { fluxProTrainer: { comment: tag } };
  const input = { avatarId: avatar.id, preset: random.pick(['FAST', 'BALANCED', 'QUALITY']), settings };
  return await start(caller, documents.train, input, { tag, kind: 'TRAINING', numImages: 0 }, random, journal);
}

const portraitPresets = ['FAST', 'BALANCED', 'QUALITY', 'PORTRAIT', 'LANDSCAPE', 'ARTISTIC', 'PHOTOREALISTIC'] as const;

/** `gone`: the avatar is about to be deleted. */
export async function generate(caller: Caller, avatar: ChaosAvatar, random: Random, journal: Journal, gone = false) {
  const tag = `picture ${journal.nextTag()} of chaos`;
  const preset = !gone && avatar.kind === 'STYLE' && random.chance(0.3) ? 'ULTRA' : random.pick(portraitPresets);
  const numImages = preset === 'ULTRA' ? 1 : random.int(1, 4);
  const outputFormat = preset === 'ULTRA' ? 'JPEG' : random.pick(['JPEG', 'PNG']);
  const input = { avatarId: avatar.id, prompt: tag, preset, numImages, outputFormat };
  return await start(caller, documents.generate, input, { tag, kind: 'GENERATION', numImages }, random, journal, gone);
}

async function start(
  caller: Caller,
  document: string,
  given: Record<string, unknown>,
  about: Omit<StartedJob, 'id' | 'caller'>,
  random: Random,
  journal: Journal,
  gone = false,
): Promise<StartedJob | undefined> {
  const input = { ...given, idempotencyKey: about.tag };
  const times = random.chance(0.3) ? random.int(2, 3) : 1;
  const answers = await Promise.all(Array.from({ length: times }, () => caller.call<Start>(document, { input })));
  const ids = new Set(answers.map(({ start: { id } }) => id));
  if (ids.size > 1)
    journal.wrong.push(`${about.tag}, sent ${times} times at once, was answered ${JSON.stringify(answers)}`);
  const [first] = answers;
  if (first?.start.id === undefined) {
    await refused(first, caller, random, journal);
    return undefined;
  }
  const job = { ...about, id: first.start.id, caller };
  if (gone) journal.gone.push(job);
  else take(job, random, journal);
  return job;
}

/** Starts an ended job anew, or is told that it has not ended. */
export async function retry(job: StartedJob, random: Random, journal: Journal): Promise<void> {
  journal.retried.add(job.tag);
  const answer = await job.caller.call<Start>(documents.retry, { jobId: job.id });
  if (answer.start.id === undefined) await refused(answer, job.caller, random, journal);
  else take({ ...job, id: answer.start.id }, random, journal);
}

/** Has a style drawn and deletes it soon after. */
export async function drawAndDelete(caller: Caller, random: Random, journal: Journal): Promise<void> {
  const avatar = await importStyle(caller, 'Soon deleted', 'no-such-finetune');
  for (let n = random.int(1, 2); n > 0; n -= 1) await generate(caller, avatar, random, journal, true);
  await pause(random.int(0, 3_000));
  await caller.call(documents.delete, { id: avatar.id });
}

/** Whoever has no credits is given some, sometimes. */
async function refused(answer: Start | undefined, caller: Caller, random: Random, journal: Journal): Promise<void> {
  const refusal = answer?.start.__typename ?? 'nothing';
  journal.refusals.set(refusal, (journal.refusals.get(refusal) ?? 0) + 1);
  if (refusal === 'InsufficientCreditsError' && random.chance(0.7))
    await journal.grant(caller, random.int(50, 1500) / 10);
}

function take(job: StartedJob, random: Random, journal: Journal): void {
  const { caller } = job;
  journal.started.push(job);
  for (let followers = random.int(1, 2); followers > 0; followers -= 1) {
    journal.followed.push({ job, whole: follow(caller, job.id, random, journal.signal) });
  }
}

/** Cancels at a moment of chance: before the submit, while it is under way, later, or when all is over; sometimes twice. */
export async function cancelSometime({ call }: Caller, job: StartedJob, random: Random): Promise<void> {
  await pause(random.chance(0.3) ? random.int(0, 50) : random.int(50, 5_000));
  const times = random.chance(0.3) ? 2 : 1;
  await Promise.all(Array.from({ length: times }, () => call(documents.cancel, { jobId: job.id })));
}
