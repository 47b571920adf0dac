/** A job comes to its end by any one way of hearing from fal: its stream, its status, its webhook, or a new start. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { localViewer } from '../../src/access/session.ts';
import { type Simulator, startSimulator } from '../../src/fal-simulator/server.ts';
import { globalId } from '../support/global-id.ts';
import { newDataFolder, startLikeness, type TestLikeness } from '../support/likeness.ts';
import { freePort } from '../support/process.ts';
import { addAvatar } from '../support/rows.ts';

const startDocument =
  'mutation($input: StartGenerationInput!) { startGeneration(input: $input) { ... on Generation { id } } }';
const jobDocument = 'query($id: ID!) { node(id: $id) { ... on Job { status error { code } } } }';

const down = { do: 'answer', status: 503 };
const noStatus = { on: 'status', ...down };
const noStream = { on: 'stream', ...down };
const noWebhook = { on: 'webhook', do: 'never' };

describe('alone', () => {
  let fal: Simulator;
  let likeness: TestLikeness;
  let folder: { dataDir: string; remove: () => void };
  let port: string;
  const open = () =>
    startLikeness({
      dataDir: folder.dataDir,
      env: {
        PORT: port,
        PUBLIC_URL: `http://127.0.0.1:${port}`,
        FAL_MODE: 'live',
        FAL_KEY: fal.key,
        FAL_BASE_URL: fal.url,
      },
    });
  beforeEach(async () => {
    fal = await startSimulator({ dataDir: undefined, speed: 'instant' });
    folder = newDataFolder();
    port = String(await freePort());
    likeness = await open();
  });
  afterEach(async () => {
    await likeness.close();
    await fal.close();
    folder.remove();
  });

  /** One whose finetune fal does not know: its end is in the result, as a picture would be. */
  const startGeneration = async () => {
    const style = { kind: 'STYLE', triggerPhrase: null, triggerWord: 'INK', finetuneId: 'unknown' } as const;
    const { id } = await addAvatar(likeness.app.prisma, localViewer.id, { ...style, diffusersLoraFileUrl: null });
    const avatarId = globalId('StyleAvatar', id);
    const input = { avatarId, prompt: 'a fox', preset: 'FAST' };
    const { data } = await likeness.gql<{ startGeneration: { id: string } }>(startDocument, { input });
    return data?.startGeneration.id;
  };
  const endOf = async (id: string | undefined) => {
    const look = async () =>
      (await likeness.gql<{ node: { error: { code: string } | null } }>(jobDocument, { id })).data?.node.error?.code;
    await expect.poll(look).toBeDefined();
    return await look();
  };
  /** The ways that told something, by fal's own record. */
  const heard = () => {
    const calls = fal.record.calls().filter(({ status, kind }) => status !== 503 && kind !== 'submit');
    const taken = fal.record.webhooks().filter(({ status }) => status === 200);
    const kinds = new Set(calls.map(({ kind }) => kind).filter((kind) => kind === 'status' || kind === 'stream'));
    return [...kinds, ...(taken.length > 0 ? ['webhook'] : [])].toSorted();
  };

  test.each([
    ['the stream', [noStatus, noWebhook], ['stream']],
    ['the status', [noStream, noWebhook], ['status']],
    ['the webhook', [noStatus, noStream], ['webhook']],
  ])('%s', async (_way, faults, ways) => {
    fal.setFaults({ seed: 1, faults });
    expect(await endOf(await startGeneration())).toBe('INVALID_FINETUNE_ID');
    expect(heard()).toEqual(ways);
  });

  test('a new start, when nothing was heard in the life before', async () => {
    fal.setFaults({ seed: 1, faults: [noStatus, noStream, noWebhook] });
    const id = await startGeneration();
    await expect.poll(() => fal.record.requests().length).toBe(1);
    await likeness.close();
    fal.setFaults({ seed: 1, faults: [noStream, noWebhook] });
    likeness = await open();
    expect(await endOf(id)).toBe('INVALID_FINETUNE_ID');
    expect(fal.record.requests()).toHaveLength(1);
  });
});
