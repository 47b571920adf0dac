/** Webhooks end to end: a whole server, a scripted fal that signs, and jobs that learn nothing by any other way. */
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { localViewer } from '../../../src/access/session.ts';
import { globalId } from '../../support/global-id.ts';
import { liveAt, startLikeness, type TestLikeness } from '../../support/likeness.ts';
import { freePort } from '../../support/process.ts';
import { addAvatar } from '../../support/rows.ts';
import { json, openScriptedFal, reset, type ScriptedFal, sse, text } from '../../support/scripted-fal.ts';
import { jwkOf, newSigningKey, type Signing, signedHeaders } from '../../support/webhook.ts';

const key = newSigningKey();
const requestId = '11111111-2222-4333-8444-555555555555';
const otherId = '99999999-2222-4333-8444-555555555555';
const submit = 'POST /fal-ai/flux-lora';
const request = `/fal-ai/flux-lora/requests/${requestId}` as const;
const stream = `GET ${request}/status/stream` as const;
const publicUrl = 'https://likeness.example/behind';

describe('with PUBLIC_URL', () => {
  let fal: ScriptedFal;
  let likeness: TestLikeness;
  const open = async (env: Record<string, string> = { PUBLIC_URL: publicUrl }) => {
    likeness = await startLikeness({ env: { ...liveAt(fal.url), ...env }, overrides: { random: () => 0 } });
  };
  beforeEach(async () => {
    fal = await openScriptedFal();
    fal.always('GET /.well-known/jwks.json', json(200, { keys: [jwkOf(key)] }));
    fal.always(`GET ${request}/status`, json(202, { status: 'IN_QUEUE', request_id: requestId, queue_position: 0 }));
    fal.always(
      `GET ${request}`,
      json(200, { images: [{ url: `${fal.url}/a.jpg` }], seed: 7, has_nsfw_concepts: [false] }),
    );
    const blank = { create: { width: 64, height: 64, channels: 3, background: 'teal' } } as const;
    fal.always('GET /a.jpg', text(200, await sharp(blank).jpeg().toBuffer(), { 'content-type': 'image/jpeg' }));
  });
  afterEach(async () => {
    await likeness.close();
    await fal.close();
  });

  const accepted = json(200, { status: 'IN_QUEUE', request_id: requestId, queue_position: 0 });
  /** From then on fal's status says so. */
  const complete = () =>
    fal.always(`GET ${request}/status`, json(200, { status: 'COMPLETED', request_id: requestId, logs: [] }));
  const generate = async () => {
    const avatar = await addAvatar(likeness.app.prisma, localViewer.id, { diffusersLoraFileUrl: `${fal.url}/lora` });
    return await likeness.client.startGeneration({ avatarId: globalId('PortraitAvatar', avatar.id) });
  };
  const look = async (id: string) => {
    const { status, requestId, error, events } = await likeness.client.job(id);
    return { status, requestId, error, events: events.edges.map(({ node }) => node.__typename.slice(3)) };
  };
  const reaches = async (id: string, status: string) => {
    await expect.poll(async () => (await look(id)).status, { interval: 20 }).toBe(status);
  };
  /** The path that the n-th submit, from 1, told fal to call. */
  const webhookOf = async (n = 1) => {
    const { query } = await fal.nth(submit, n);
    const given = new URLSearchParams(query).get('fal_webhook') ?? '';
    expect(given.startsWith(`${publicUrl}/webhooks/fal/`)).toBe(true);
    return given.slice(publicUrl.length);
  };
  const deliver = async (path: string, changed: Partial<Signing> & { body?: string; method?: string } = {}) => {
    const {
      body = JSON.stringify({ request_id: requestId, status: 'OK', payload: {} }),
      method = 'POST',
      ...signing
    } = changed;
    const timestamp = String(Math.floor(Date.now() / 1000));
    const headers = signedHeaders(body, { requestId, userId: 'github|1', timestamp, key, ...signing });
    const answer = await fetch(likeness.url + path, { method, headers, ...(method === 'POST' && { body }) });
    await answer.text();
    return answer;
  };
  const statusOf = async (...call: Parameters<typeof deliver>) => (await deliver(...call)).status;

  test('a webhook supplies the request of a lost answer, and the request is sent once', async () => {
    await open();
    fal.script(submit, reset);
    const id = await generate();
    const path = await webhookOf();
    complete();
    expect(await look(id)).toMatchObject({ status: 'QUEUED', requestId: null });
    expect(await statusOf(path)).toBe(200);
    await reaches(id, 'SUCCEEDED');
    expect(await statusOf(path)).toBe(200);
    expect((await look(id)).events.filter((type) => type !== 'Progressed')).toEqual([
      'Queued',
      'Submitted',
      'Started',
      'Finalizing',
      'Succeeded',
    ]);
    expect(fal.at(submit)).toHaveLength(1);
  });

  /** A submit that fal takes and does not answer until it is told to. */
  const heldSubmit = () => {
    let answer: () => void = () => undefined;
    const told = new Promise<void>((resolve) => {
      answer = resolve;
    });
    fal.script(submit, async (response, seen) => {
      await told;
      await accepted(response, seen);
    });
    return answer;
  };

  test('a webhook that overtakes the answer completes the job without it', async () => {
    await open();
    const answer = heldSubmit();
    const id = await generate();
    const path = await webhookOf();
    complete();
    expect(await statusOf(path)).toBe(200);
    await reaches(id, 'SUCCEEDED');
    const ended = await look(id);
    answer();
    expect(await statusOf(path)).toBe(200);
    expect(await look(id)).toEqual(ended);
    expect(ended.events.filter((type) => type === 'Submitted')).toHaveLength(1);
  });

  test('a step whose nudge is lost finds the recorded request when the answer comes', async () => {
    await open();
    vi.spyOn(likeness.app.events, 'notifyWebhook').mockReturnValue();
    const answer = heldSubmit();
    const id = await generate();
    const path = await webhookOf();
    complete();
    expect(await statusOf(path)).toBe(200);
    expect((await look(id)).status).toBe('IN_QUEUE');
    answer();
    await reaches(id, 'SUCCEEDED');
    expect(fal.seen.filter(({ path }) => path.endsWith('/cancel'))).toEqual([]);
  });

  test('a webhook ends a silent status stream', async () => {
    await open();
    fal.script(submit, accepted);
    fal.always(
      stream,
      sse([`data: ${JSON.stringify({ status: 'IN_PROGRESS', request_id: requestId, logs: [] })}\n\n`], 'stall'),
    );
    const id = await generate();
    const path = await webhookOf();
    await reaches(id, 'IN_PROGRESS');
    complete();
    expect(await statusOf(path)).toBe(200);
    await reaches(id, 'SUCCEEDED');
  });

  test('a webhook alone does not finish a job while fal’s status contradicts it', async () => {
    await open();
    fal.script(submit, accepted);
    fal.always(stream, sse([], 'stall'));
    const id = await generate();
    const path = await webhookOf();
    await fal.nth(stream, 1);
    const body = JSON.stringify({
      request_id: requestId,
      status: 'ERROR',
      error: 'Invalid status code: 500',
      payload: null,
    });
    expect(await statusOf(path, { body })).toBe(200);
    await fal.nth(stream, 2);
    expect(await look(id)).toMatchObject({ status: 'IN_QUEUE', error: null });
  });

  test('without a webhook, an unanswered submit ends at its deadline', async () => {
    await open({ PUBLIC_URL: publicUrl, GENERATION_DEADLINE_SECONDS: '1' });
    fal.script(submit, reset);
    const id = await generate();
    await reaches(id, 'FAILED');
    expect(await look(id)).toMatchObject({ error: { code: 'SUBMIT_UNCONFIRMED' } });
    expect(fal.at(submit)).toHaveLength(1);
    expect(await statusOf(await webhookOf())).toBe(200);
    expect(await look(id)).toMatchObject({ status: 'FAILED', requestId: null });
  });

  test('a forged, stale, foreign, oversized or malformed call changes nothing', async () => {
    await open();
    fal.script(submit, accepted, reset);
    fal.always(stream, sse([], 'stall'));
    await generate();
    const knownPath = await webhookOf();
    await fal.nth(stream, 1);
    const orphan = await generate();
    const orphanPath = await webhookOf(2);
    const row = async () =>
      await likeness.app.prisma.job.findMany({ include: { events: true }, orderBy: { id: 'asc' } });
    const rows = await row();
    const foreign = JSON.stringify({ request_id: otherId, status: 'OK' });
    const stale = String(Math.floor(Date.now() / 1000) - 301);
    for (const path of [knownPath, orphanPath]) {
      expect(await statusOf(path, { key: newSigningKey() })).toBe(401);
      expect(await statusOf(path, { timestamp: stale })).toBe(401);
      expect(await statusOf(path, { body: ' '.repeat(1_048_577) })).toBe(413);
      expect(await statusOf(path, { method: 'GET' })).toBe(405);
    }
    expect(await statusOf(knownPath, { body: foreign, requestId: otherId })).toBe(401);
    // The known job's own call, sent to the orphan's URL.
    expect(await statusOf(orphanPath)).toBe(401);
    expect(await statusOf('/webhooks/fal/x')).toBe(401);
    expect(await statusOf(`/webhooks/fal/${otherId}`)).toBe(200);
    expect(await row()).toEqual(rows);
    // Once the known job's webhook has come, fal's user is known too.
    expect(await statusOf(knownPath)).toBe(200);
    expect(await statusOf(orphanPath, { body: foreign, requestId: otherId, userId: 'github|2' })).toBe(401);
    expect(await look(orphan)).toMatchObject({ status: 'QUEUED', requestId: null });
    const tokens = [knownPath, orphanPath].map((path) => path.split('/').at(-1) ?? '');
    for (const token of tokens) expect(likeness.logged.join('')).not.toContain(token);
  });

  test('while fal’s public keys cannot be fetched, a webhook is asked to be sent again', async () => {
    await open({ PUBLIC_URL: publicUrl, FAL_JWKS_URL: `${fal.url}/elsewhere` });
    fal.script('GET /elsewhere', json(503, {}));
    fal.script(submit, reset);
    await generate();
    const answer = await deliver(await webhookOf());
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '60']);
  });

  test('without PUBLIC_URL, the submit names no webhook, and a lost answer fails the job at once', async () => {
    await open({});
    fal.script(submit, reset);
    const id = await generate();
    await reaches(id, 'FAILED');
    expect(fal.at(submit)[0]?.query).toBe('');
  });
});

test('the simulated fal’s webhooks are accepted', async () => {
  const port = String(await freePort());
  const likeness = await startLikeness({ env: { PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}/` } });
  try {
    const avatar = await addAvatar(likeness.app.prisma, localViewer.id);
    await likeness.client.startGeneration({ avatarId: globalId('PortraitAvatar', avatar.id) });
    const sent = () =>
      likeness.logged.filter((line) => line.includes('"attempt":')).map((line) => JSON.parse(line).status);
    await expect.poll(sent).toEqual([200]);
    expect(await likeness.app.prisma.falAccount.count()).toBe(1);
  } finally {
    await likeness.close();
  }
});
