/** What became of each job, asked through the API and compared with what its followers saw and what fal had of it. */
import sharp from 'sharp';
import type { StartedJob } from './client.ts';
import type { ChaosFal } from './fal.ts';
import { eventFields, type Followed, isTerminal, type SeenEvent } from './follower.ts';
import type { Caller } from './owner.ts';

const jobDocument = `query($id: ID!, $after: Int) { node(id: $id) { ... on Job {
  __typename status requestId finishedAt error { code } events(first: 100, after: $after) { pageInfo { hasNextPage } edges { node { ${eventFields} } } } }
  ... on Generation { images { url width height contentType } }
  ... on Training { avatar { ... on AvatarProfile { status findings { message } } ... on PortraitAvatar { diffusersLoraFileUrl } ... on StyleAvatar { finetuneId } } } } }`;
const jobsDocument = `query($after: String) { jobs(first: 100, after: $after) { pageInfo { hasNextPage endCursor } edges { node { id } } } }`;

type Told = {
  status: string;
  requestId: string | null;
  finishedAt: string | null;
  error: { code: string } | null;
  events: { pageInfo: { hasNextPage: boolean }; edges: { node: SeenEvent }[] };
  images?: { url: string; width: number; height: number; contentType: string }[];
  avatar?: { status: string; findings: unknown[]; diffusersLoraFileUrl?: string | null; finetuneId?: string | null };
};

export type Outcome = { end: string; events: number; wrong: string[] };

/** `alike`: how many jobs have its tag. A retry has that of the job that it is started from. */
export async function outcomeOf(
  job: StartedJob & { alike: number },
  streams: Followed[],
  fal: ChaosFal,
): Promise<Outcome> {
  const wrong: string[] = [];
  const { told, events } = await read(job);
  const end = told.error === null ? told.status : `${told.status} ${told.error.code}`;

  const terminal: Record<string, string> = {
    SUCCEEDED: 'JobSucceeded',
    FAILED: 'JobFailed',
    CANCELLED: 'JobCancelled',
  };
  if (!(told.status in terminal)) wrong.push(`has not ended: it is ${told.status}`);
  else if (events.at(-1)?.__typename !== terminal[told.status]) {
    wrong.push(`is ${told.status}, and its last event ${events.at(-1)?.__typename}`);
  }
  if (told.error?.code === 'INTERNAL') wrong.push('failed by a fault of the server');
  wrong.push(...wrongInHistory(events));
  for (const { events: seen, wrong: strange } of streams) {
    wrong.push(...strange);
    const [a, b] = [seen, events].map((list) => JSON.stringify(list));
    if (a !== b)
      wrong.push(`a follower saw ${numbers(seen)} and the history is ${numbers(events)}, or they differ in content`);
  }

  const own = fal.requests().filter(({ input }) => JSON.stringify(input).includes(tagAsSent(job)));
  if (own.length > job.alike) wrong.push(`fal accepted ${own.length} submits of ${job.alike} jobs`);
  const isOwnRequest = own.some(({ id }) => id === told.requestId || fal.hasMisnamed(id));
  if (told.requestId !== null && !isOwnRequest) wrong.push(`its request is not the one that fal has`);
  if (told.error?.code === 'SUBMIT_UNCONFIRMED' && job.alike === 1) {
    const endedAt = Date.parse(told.finishedAt ?? '');
    const isOwn = ({ requestId }: { requestId: string }) => own.some(({ id }) => id === requestId);
    if (fal.takenWebhooks().some((webhook) => isOwn(webhook) && (webhook.answeredAt ?? Infinity) < endedAt)) {
      wrong.push('its webhook was taken in time, and it was not adopted');
    }
  }
  if (told.status === 'SUCCEEDED') wrong.push(...(await wrongInArtefacts(job, told, fal)));
  return { end, events: events.length, wrong };
}

/** Every job that the API lists. */
export async function listedJobs({ call }: Caller): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | undefined, more = true; more; ) {
    type Page = { jobs: { pageInfo: { hasNextPage: boolean; endCursor: string }; edges: { node: { id: string } }[] } };
    const { jobs } = await call<Page>(jobsDocument, { after });
    ids.push(...jobs.edges.map(({ node }) => node.id));
    after = jobs.pageInfo.endCursor;
    more = jobs.pageInfo.hasNextPage;
  }
  return ids;
}

/** The tag of a job that nobody was told of. */
export async function tagOf({ call }: Caller, id: string): Promise<string> {
  type Tagged = { node: { prompt?: string; settings: { steps?: number; comment?: string } } };
  const document = `query($id: ID!) { node(id: $id) { ... on Generation { prompt }
    ... on Training { settings { ... on FluxLoraPortraitTrainerSettings { steps } ... on FluxProTrainerSettings { comment } } } } }`;
  const { prompt, settings } = (await call<Tagged>(document, { id })).node;
  return prompt ?? settings.comment ?? `steps ${settings.steps}`;
}

async function read({ id, caller }: StartedJob): Promise<{ told: Told; events: SeenEvent[] }> {
  const events: SeenEvent[] = [];
  for (;;) {
    const after = events.at(-1)?.sequence ?? 0;
    const { node } = await caller.call<{ node: Told }>(jobDocument, { id, after });
    events.push(...node.events.edges.map(({ node: event }) => event));
    if (!node.events.pageInfo.hasNextPage) return { told: node, events };
  }
}

function wrongInHistory(events: SeenEvent[]): string[] {
  const wrong: string[] = [];
  if (events.some(({ sequence }, n) => sequence !== n + 1)) wrong.push(`its events are numbered ${numbers(events)}`);
  if (events.filter(isTerminal).length > 1) wrong.push('it has several ends');
  for (const once of ['JobQueued', 'JobSubmitted', 'JobStarted', 'JobFinalizing']) {
    const count = events.filter(({ __typename }) => __typename === once).length;
    if (count > 1) wrong.push(`${once} came ${count} times`);
  }
  const percents = events.flatMap(({ progress }) => progress?.percent ?? []);
  if (percents.some((percent, n) => percent < (percents[n - 1] ?? 0) || percent > 99)) {
    wrong.push(`its progress went ${percents.join(', ')}`);
  }
  return wrong;
}

async function wrongInArtefacts(
  { kind, numImages }: StartedJob,
  { images = [], avatar, requestId }: Told,
  fal: ChaosFal,
): Promise<string[]> {
  if (kind === 'TRAINING') {
    const model = avatar?.diffusersLoraFileUrl ?? avatar?.finetuneId ?? null;
    return avatar?.status === 'READY' && avatar.findings.length === 0 && model !== null
      ? []
      : ['its avatar has no model'];
  }
  const isLess = images.length > 0 && images.length < numImages && fal.mayLackPictures(requestId ?? '');
  const wrong = images.length === numImages || isLess ? [] : [`has ${images.length} of ${numImages} pictures`];
  for (const { url, width, height, contentType } of images) {
    const response = await fetch(url);
    if (response.headers.get('content-type') !== contentType)
      wrong.push(`a picture is ${response.headers.get('content-type')}`);
    // Decoded to its end.
    const picture = await sharp(Buffer.from(await response.arrayBuffer()), { failOn: 'truncated' })
      .raw()
      .toBuffer({ resolveWithObject: true })
      .catch((error: unknown) => wrong.push(`a picture (${response.status}) cannot be read: ${String(error)}`));
    if (typeof picture !== 'object') continue;
    const { info } = picture;
    if (info.width !== width || info.height !== height) wrong.push(`a picture is ${info.width} × ${info.height}`);
  }
  return wrong;
}

function tagAsSent({ tag }: StartedJob): string {
  return tag.startsWith('steps ') ? `"steps":${tag.slice(6)},` : tag;
}

function numbers(events: SeenEvent[]): string {
  return events.map(({ sequence }) => sequence).join(' ');
}
