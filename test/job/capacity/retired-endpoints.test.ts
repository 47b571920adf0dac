/** An endpoint that fal has retired: its word is remembered for a while, new starts are refused, older jobs are not. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { localViewer } from '../../../src/access/session.ts';
import { globalId } from '../../support/global-id.ts';
import { liveAt, newDataFolder, startLikeness, type TestLikeness } from '../../support/likeness.ts';
import { addAvatar } from '../../support/rows.ts';
import { json, openScriptedFal, type ScriptedFal } from '../../support/scripted-fal.ts';
import { requestId, routes, says } from '../../support/scripted-job.ts';

const startDocument = `mutation($input: StartGenerationInput!) { startGeneration(input: $input) {
  __typename ... on Generation { id } ... on EndpointRetiredError { endpoint retryAfterSeconds } ... on Error { message } } }`;
const retryDocument = 'mutation($id: ID!) { retryJob(jobId: $id) { __typename ... on Error { message } } }';
const jobDocument = 'query($id: ID!) { node(id: $id) { ... on Job { status error { code retryable } } } }';
const endpointsDocument =
  '{ server { endpoints { name kind state retiredAt askAgainAt deadlineSeconds price { usd per } } } }';
const styleSubmit = 'POST /fal-ai/flux-pro/finetuned';
const gone = {
  404: json(404, { detail: 'Application "flux-lora" not found' }),
  410: json(410, { detail: 'This model is no longer supported' }),
};
const refused = json(422, { detail: [{ loc: ['body', 'prompt'], msg: 'no', type: 'value_error' }] });

type Started = { __typename: string; id: string; endpoint?: string; retryAfterSeconds?: number; message?: string };

describe('an endpoint that fal has retired', () => {
  let fal: ScriptedFal;
  let likeness: TestLikeness;
  let folder: { dataDir: string; remove: () => void };
  let portrait: string;
  let now: number;
  const open = () =>
    startLikeness({
      env: liveAt(fal.url),
      dataDir: folder.dataDir,
      manual: true,
      overrides: { now: () => new Date(now), random: () => 0, followMs: 100 },
    });
  beforeEach(async () => {
    now = Date.UTC(2026, 0, 1);
    fal = await openScriptedFal();
    folder = newDataFolder();
    likeness = await open();
    const avatar = await addAvatar(likeness.app.prisma, localViewer.id, { diffusersLoraFileUrl: `${fal.url}/lora` });
    portrait = globalId('PortraitAvatar', avatar.id);
  });
  afterEach(async () => {
    await likeness.close();
    await fal.close();
    folder.remove();
  });

  const start = async (input: object = {}) => {
    const variables = { input: { avatarId: portrait, prompt: 'at sea', ...input } };
    return (await likeness.gql<{ startGeneration: Started }>(startDocument, variables)).data?.startGeneration;
  };
  const look = async (id: string | undefined) =>
    (await likeness.gql<{ node: { status: string; error: object | null } }>(jobDocument, { id })).data?.node;
  const endpoint = async (name: string) => {
    const { data } = await likeness.gql<{ server: { endpoints: { name: string }[] } }>(endpointsDocument);
    return data?.server.endpoints.find((one) => one.name === name);
  };
  /** Starts one that fal refuses for good. */
  const retire = async (status: 404 | 410 = 404) => {
    fal.script(routes.submit, gone[status]);
    const started = await start();
    await likeness.worker.tick();
    return started?.id;
  };

  test.each([
    404, 410,
  ] as const)('a %s at the submit ends the job, and further starts are refused with nothing written', async (status) => {
    expect(await look(await retire(status))).toEqual({
      status: 'FAILED',
      error: { code: 'ENDPOINT_RETIRED', retryable: false },
    });
    now += 60_000;
    const again = await start({ idempotencyKey: 'again' });
    expect(again).toEqual({
      __typename: 'EndpointRetiredError',
      endpoint: 'fal-ai/flux-lora',
      retryAfterSeconds: 540,
      message:
        'fal no longer serves fal-ai/flux-lora: nothing was started. Try again in 540 seconds, when this server asks fal again.',
    });
    expect(await likeness.app.prisma.job.count()).toBe(1);
    expect(fal.at(routes.submit)).toHaveLength(1);
  });

  test('a retry is refused like a start; a repeated start with its key gets the job that it has', async () => {
    fal.script(routes.submit, gone[404]);
    const first = await start({ idempotencyKey: 'once' });
    await likeness.worker.tick();
    expect((await start({ idempotencyKey: 'once' }))?.id).toBe(first?.id);
    const { data } = await likeness.gql<{ retryJob: Started }>(retryDocument, { id: first?.id });
    expect(data?.retryJob.__typename).toBe('EndpointRetiredError');
  });

  test('a job that was started before is sent in any case, and its success brings the endpoint back', async () => {
    const earlier = await start();
    fal.script(routes.submit, gone[404], says.accepted);
    const failed = await start();
    await likeness.worker.tick();
    const [one, two] = [await look(earlier?.id), await look(failed?.id)];
    expect([String(one?.status), String(two?.status)].toSorted()).toEqual(['FAILED', 'IN_QUEUE']);
    fal.script(routes.submit, refused);
    expect((await start())?.__typename).toBe('Generation');
  });

  test('after ten minutes one of several is let through; its failure renews, its success forgets', async () => {
    await retire();
    now += 10 * 60_000;
    const kinds = (await Promise.all([start(), start(), start()]))
      .map((started) => String(started?.__typename))
      .toSorted();
    expect(kinds).toEqual(['EndpointRetiredError', 'EndpointRetiredError', 'Generation']);
    fal.script(routes.submit, gone[410]);
    await likeness.worker.tick();
    now += 9 * 60_000;
    expect((await start())?.retryAfterSeconds).toBe(60);
    now += 60_000;
    expect((await start())?.__typename).toBe('Generation');
    expect((await start())?.__typename).toBe('EndpointRetiredError');
    fal.script(routes.submit, says.accepted);
    fal.always(routes.status, json(202, { status: 'IN_QUEUE', request_id: requestId, queue_position: 3 }));
    await likeness.worker.tick();
    expect((await start())?.__typename).toBe('Generation');
  });

  test('a trial that is cancelled before fal is asked makes room for another after a minute', async () => {
    await retire();
    now += 10 * 60_000;
    const trial = await start();
    await likeness.client.cancelJob(String(trial?.id));
    expect((await start())?.retryAfterSeconds).toBe(60);
    now += 60_000;
    expect((await start())?.__typename).toBe('Generation');
  });

  test('it stays so over a restart, and says nothing of other endpoints', async () => {
    await retire();
    await likeness.close();
    likeness = await open();
    expect((await start())?.__typename).toBe('EndpointRetiredError');
    const ink = { kind: 'STYLE', triggerPhrase: null, triggerWord: 'INK', finetuneId: 'f' } as const;
    const { id } = await addAvatar(likeness.app.prisma, localViewer.id, { ...ink, diffusersLoraFileUrl: null });
    const style = globalId('StyleAvatar', id);
    fal.script(styleSubmit, refused);
    expect((await start({ avatarId: style, preset: 'FAST' }))?.__typename).toBe('Generation');
  });

  test('the server tells each endpoint’s state', async () => {
    const served = { kind: 'GENERATION', state: 'SERVED', retiredAt: null, askAgainAt: null, deadlineSeconds: 600 };
    const name = 'fal-ai/flux-lora';
    expect(await endpoint(name)).toEqual({ name, ...served, price: { usd: 0.05, per: 'IMAGE' } });
    expect(await endpoint('fal-ai/flux-pro-trainer')).toMatchObject({ state: 'DEPRECATED', deadlineSeconds: 7200 });
    await retire();
    const retiredAt = '2026-01-01T00:00:00.000Z';
    const retired = { state: 'RETIRED', retiredAt, askAgainAt: '2026-01-01T00:10:00.000Z' };
    expect(await endpoint(name)).toMatchObject(retired);
  });
});
