/** An owner at work: makes avatars, starts trainings and generations, cancels some, follows all. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../src/fal/simulator/random.ts';
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
  followed: { job: StartedJob; whole: Promise<Followed> }[];
  refusals: Map<string, number>;
  wrong: string[];
  signal: AbortSignal;
  /** A number that no other job of the run has. */
  nextTag(): number;
};

export type ChaosAvatar = { id: string; kind: 'PORTRAIT' | 'STYLE' };

const started = '__typename ... on Job { id } ... on Error { message }';
const documents = {
  create: `mutation($input: CreateAvatarInput!) { createAvatar(input: $input) { ... on AvatarProfile { id } ... on Error { message } } }`,
  import: `mutation($input: ImportAvatarInput!) { importAvatar(input: $input) { ... on AvatarProfile { id } ... on Error { message } } }`,
  addPhotos: `mutation($input: AddPhotosInput!) { addPhotos(input: $input) { __typename ... on Error { message } } }`,
  train: `mutation($input: StartTrainingInput!) { start: startTraining(input: $input) { ${started} } }`,
  generate: `mutation($input: StartGenerationInput!) { start: startGeneration(input: $input) { ${started} } }`,
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

export async function generate(caller: Caller, avatar: ChaosAvatar, random: Random, journal: Journal) {
  const tag = `picture ${journal.nextTag()} of chaos`;
  const preset = avatar.kind === 'STYLE' && random.chance(0.3) ? 'ULTRA' : random.pick(portraitPresets);
  const numImages = preset === 'ULTRA' ? 1 : random.int(1, 4);
  const outputFormat = preset === 'ULTRA' ? 'JPEG' : random.pick(['JPEG', 'PNG']);
  const input = { avatarId: avatar.id, prompt: tag, preset, numImages, outputFormat };
  return await start(caller, documents.generate, input, { tag, kind: 'GENERATION', numImages }, random, journal);
}

async function start(
  caller: Caller,
  document: string,
  given: Record<string, unknown>,
  about: Omit<StartedJob, 'id' | 'caller'>,
  random: Random,
  journal: Journal,
): Promise<StartedJob | undefined> {
  const input = { ...given, idempotencyKey: about.tag };
  const times = random.chance(0.3) ? random.int(2, 3) : 1;
  const answers = await Promise.all(Array.from({ length: times }, () => caller.call<Start>(document, { input })));
  const ids = new Set(answers.map(({ start: { id } }) => id));
  if (ids.size > 1)
    journal.wrong.push(`${about.tag}, sent ${times} times at once, was answered ${JSON.stringify(answers)}`);
  const [first] = answers;
  if (first?.start.id === undefined) {
    const refusal = first?.start.__typename ?? 'nothing';
    journal.refusals.set(refusal, (journal.refusals.get(refusal) ?? 0) + 1);
    return undefined;
  }
  const job = { ...about, id: first.start.id, caller };
  journal.started.push(job);
  for (let followers = random.int(1, 2); followers > 0; followers -= 1) {
    journal.followed.push({ job, whole: follow(caller, job.id, random, journal.signal) });
  }
  return job;
}

/** Cancels at a moment of chance: before the submit, while it is under way, later, or when all is over; sometimes twice. */
export async function cancelSometime({ call }: Caller, job: StartedJob, random: Random): Promise<void> {
  await pause(random.chance(0.3) ? random.int(0, 50) : random.int(50, 5_000));
  const times = random.chance(0.3) ? 2 : 1;
  await Promise.all(Array.from({ length: times }, () => call(documents.cancel, { jobId: job.id })));
}
