/** The owner whose data the table is about: at least one row of each type, with a canary in every text. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Avatar, GeneratedImage, Job, Photo, Prisma } from '../../prisma/generated/client/client.ts';
import { endUserRealm, findOrCreateUser, localViewer, type Viewer } from '../../src/access/session.ts';
import { createApiKey } from '../../src/apikey/commands.ts';
import type { App } from '../../src/app/app.ts';
import type { NewEvent } from '../../src/events/payload.ts';
import { startGeneration } from '../../src/generation/commands.ts';
import { reserve } from '../../src/ledger/account.ts';
import { issueCredits } from '../../src/ledger/commands.ts';
import { photoPath } from '../support/photos.ts';
import { addAvatar, addJob } from '../support/rows.ts';

/** In every text that an admin may read about another user: the external id, ledger reasons and key names. */
export const accountCanary = 'c4n4ry-account';
export const ownerExternalId = `${accountCanary}-ada`;
/** In every other text of the owner. */
export const canary = 'c4n4ry-own';
export const idempotencyKey = `${canary} key`;

const lora = `https://v3.fal.media/files/${canary}.safetensors`;
const config = `https://v3.fal.media/files/${canary}.json`;
const finetuneId = `${canary}-finetune`;
const prompt = `${canary} at sea`;

export type Owner = Awaited<ReturnType<typeof fillOwner>>;

export async function fillOwner(app: App) {
  const { prisma } = app;
  const viewer = await findOrCreateUser(app, endUserRealm(localViewer), ownerExternalId);
  const owned = { ownerId: viewer.id };
  await issueCredits(app, viewer.id, 'GRANT', { credits: 1_000, reason: `${accountCanary} reason` });
  const addKey = (name: string, scopes: string[]) =>
    createApiKey(app, viewer.id, { name: `${accountCanary} ${name}`, scopes });
  const keys = { owner: await addKey('bot', ['READ', 'WRITE']), reader: await addKey('page', ['READ']) };
  const { apiKey: spareKey } = await addKey('spare', ['WRITE']);

  const portrait = await addAvatar(prisma, viewer.id, {
    name: `${canary} Ada`,
    triggerPhrase: `${canary}_ada`,
    diffusersLoraFileUrl: lora,
    configFileUrl: config,
    isDefault: true,
  });
  const style = await addAvatar(prisma, viewer.id, {
    kind: 'STYLE',
    name: `${canary} Ink`,
    triggerPhrase: null,
    diffusersLoraFileUrl: null,
    triggerWord: `${canary}_ink`,
    finetuneId,
  });
  const photo = await addPhoto(app, portrait);
  const unsound = await addUnsound(app, viewer);
  const jobs = await addJobs(app, { portrait, style, unsound });
  const image = await addImage(app, jobs.drawn);
  const waiting = await startGeneration(app, viewer, {
    avatar: { id: portrait.id, kind: 'PORTRAIT' },
    prompt,
    idempotencyKey,
  });

  const entries = await prisma.ledgerEntry.findMany({ where: owned, orderBy: { id: 'asc' } });
  const rows = {
    ApiKey: [spareKey, keys.owner.apiKey, keys.reader.apiKey],
    GeneratedImage: [image],
    Generation: [jobs.drawn, waiting, jobs.refused, jobs.stopped, jobs.lost],
    LedgerEntry: entries,
    Photo: [photo],
    PortraitAvatar: [portrait, unsound],
    StyleAvatar: [style],
    Training: [jobs.learned, jobs.taught],
    User: [viewer],
  };
  return {
    viewer,
    keys: { owner: keys.owner.key, reader: keys.reader.key },
    rows,
    /** `accountIds` are visible to admins too, `ownIds` to the owner only. */
    accountIds: [viewer, ...rows.ApiKey, ...entries].map(({ id }) => id).concat(entries.map((e) => e.movementId)),
    ownIds: [rows.GeneratedImage, rows.Generation, rows.Photo, rows.PortraitAvatar, rows.StyleAvatar, rows.Training]
      .flat()
      .map(({ id }) => id),
  };
}

async function storePicture({ prisma, files }: App, name: string) {
  const bytes = readFileSync(photoPath(name));
  const { hash: fileHash, byteSize } = await files.write(bytes, { maxBytes: bytes.length });
  const contentType = 'image/jpeg';
  await prisma.$transaction((tx) => files.record(tx, [{ hash: fileHash, byteSize, contentType }]));
  return { fileHash, byteSize, width: 512, height: 512 };
}

async function addPhoto(app: App, { id: avatarId, ownerId }: Avatar): Promise<Photo> {
  const file = await storePicture(app, 'good/01.jpg');
  const shown = { fileName: `${canary}.jpg`, mimeType: 'image/jpeg', position: 1 };
  return await app.prisma.photo.create({ data: { ...file, ...shown, ownerId, avatarId } });
}

async function addImage(app: App, { id: generationId, ownerId }: Job): Promise<GeneratedImage> {
  const file = await storePicture(app, 'good/02.jpg');
  const shown = { contentType: 'image/jpeg', blurhash: `${canary}-hash`, hasNsfwConcepts: false, position: 0 };
  return await app.prisma.generatedImage.create({ data: { ...file, ...shown, generationId, ownerId } });
}

/** Jobs of each endpoint and each final status, with events of every type; all fit on the first page of the ledger. */
async function addJobs(app: App, { portrait, style, unsound }: Record<'portrait' | 'style' | 'unsound', Avatar>) {
  const { prisma } = app;
  let count = 0;
  const at = app.now();
  const add = async (avatar: Avatar, events: NewEvent[], job: Partial<Prisma.JobUncheckedCreateInput>) => {
    count += 1;
    const times = { admittedAt: at, submittingAt: at, submittedAt: at, startedAt: at, finishedAt: at };
    const request = { ...times, correlationToken: randomUUID(), requestId: `${canary}-request-${count}` };
    const price = { isMetered: true, priceTenths: 50 };
    const text = { prompt, finalPrompt: `${prompt}.` };
    const row = await addJob(prisma, avatar, { ...request, ...price, ...text, ...job });
    await prisma.$transaction(async (tx) => {
      await app.events.append(tx, row.id, events);
      await reserve(tx, await tx.user.findUniqueOrThrow({ where: { id: avatar.ownerId } }), row);
    });
    return row;
  };
  const history: NewEvent[] = [
    { type: 'QUEUED', payload: {} },
    { type: 'QUEUE_MOVED', payload: { position: 1 } },
    { type: 'SUBMITTED', payload: { requestId: `${canary}-request` } },
    { type: 'STARTED', payload: {} },
    { type: 'LOGGED', payload: { message: `${canary} log`, loggedAt: at.toISOString(), level: `${canary} level` } },
    { type: 'PROGRESSED', payload: { percent: 50, step: 14, totalSteps: 28, source: 'MEASURED' } },
    { type: 'FINALIZING', payload: {} },
  ];
  const succeeded: NewEvent = { type: 'SUCCEEDED', payload: {} };
  const trained = { kind: 'TRAINING', prompt: null, finalPrompt: null, status: 'SUCCEEDED', percent: 100 } as const;
  const drawnBy = { prompt, finetune_id: finetuneId, finetune_strength: 1 };
  const error = { code: 'INVALID_INPUT', message: `${canary} message`, field: `${canary}.field` } as const;
  return {
    drawn: await add(portrait, [...history, succeeded], {
      input: { prompt, loras: [{ path: lora, scale: 1 }] },
      status: 'SUCCEEDED',
      output: { images: 1 },
      percent: 100,
      seed: `${canary}-seed`,
    }),
    refused: await add(style, [{ type: 'FAILED', payload: error }], {
      endpoint: 'fal-ai/flux-pro/finetuned',
      input: drawnBy,
      status: 'FAILED',
      errorCode: error.code,
      errorMessage: error.message,
      errorField: error.field,
    }),
    stopped: await add(style, [{ type: 'CANCELLED', payload: {} }], {
      endpoint: 'fal-ai/flux-pro/v1.1-ultra-finetuned',
      input: { ...drawnBy, image_url: `https://example.com/${canary}.jpg` },
      status: 'CANCELLED',
    }),
    lost: await add(unsound, [{ type: 'FAILED', payload: { ...error, code: 'INTERNAL' } }], {
      status: 'FAILED',
      errorCode: 'INTERNAL',
      errorMessage: error.message,
    }),
    learned: await add(portrait, [succeeded], {
      ...trained,
      endpoint: 'fal-ai/flux-lora-portrait-trainer',
      input: { trigger_phrase: `${canary}_ada` },
      output: { diffusers_lora_file: { url: lora }, config_file: { url: config } },
      photoCount: 0,
      datasetUrl: `https://example.com/${canary}.zip`,
    }),
    taught: await add(style, [succeeded], {
      ...trained,
      endpoint: 'fal-ai/flux-pro-trainer',
      input: { finetune_comment: `${canary} comment`, trigger_word: `${canary}_ink` },
      output: { finetune_id: finetuneId },
      photoCount: 10,
    }),
  };
}

/** A portrait that breaks a strict rule, so that it has a finding. Drops the constraint that would reject it. */
async function addUnsound({ prisma }: App, viewer: Viewer): Promise<Avatar> {
  await prisma.$executeRaw`ALTER TABLE "Avatar" DROP CONSTRAINT "Avatar_portrait_has_no_finetune"`;
  return await addAvatar(prisma, viewer.id, { name: `${canary} odd`, finetuneId });
}
