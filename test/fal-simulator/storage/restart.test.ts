import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { manualClock } from '../../../src/fal-simulator/clock.ts';
import { call, clientOf, photoArchive, refusal, simulate, trainPortrait, trainStyle } from '../../support/simulator.ts';

const endpoint = 'fal-ai/flux-lora';
const dayMs = 24 * 60 * 60_000;
let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'restart-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
});

describe('after a restart', () => {
  it('requests continue where they were, at their own speed', async () => {
    const clock = manualClock();
    const before = await simulate({ dataDir, clock, speed: 'quick' });
    const submit = (prompt: string) => before.fal.queue.submit(endpoint, { input: { prompt } });
    const { request_id: queued } = await submit('[[queued]]');
    const { request_id: done } = await submit('a mill');
    const { request_id: cancelled } = await submit('[[stuck]]');
    clock.advance(700);
    await before.fal.queue.cancel(endpoint, { requestId: cancelled });
    await before.simulator.close();

    clock.advance(60_000);
    const { fal } = await simulate({ dataDir, clock, speed: 'real' });
    const status = async (requestId: string) => await fal.queue.status(endpoint, { requestId, logs: true });
    expect(await status(queued)).toMatchObject({ status: 'IN_QUEUE' });
    expect(await status(done)).toMatchObject({ status: 'COMPLETED' });
    expect(await status(cancelled)).toMatchObject({ status: 'COMPLETED', error_type: 'client_cancelled' });
    expect((await fal.queue.result(endpoint, { requestId: done })).data.prompt).toBe('a mill');
  });

  it('files, LoRAs and finetunes are still known, also by a URL with the previous port', async () => {
    const before = await simulate({ dataDir });
    const path = await trainPortrait(before.fal);
    const finetune_id = await trainStyle(before.fal);
    await before.simulator.close();
    const { fal, simulator } = await simulate({ dataDir });
    expect(simulator.url).not.toBe(before.simulator.url);
    const drawn = await fal.subscribe(endpoint, { input: { prompt: 'x', loras: [{ path }] } });
    expect(drawn.data.images).toHaveLength(1);
    expect((await fetch(path.replace(before.simulator.url, simulator.url))).status).toBe(200);
    const input = { prompt: 'x', finetune_id, finetune_strength: 1 };
    expect((await fal.subscribe('fal-ai/flux-pro/finetuned', { input })).data.images).toHaveLength(1);
  });

  it('a training reads its archive if it had not done so', async () => {
    const before = await simulate({ dataDir });
    const images_data_url = await before.fal.storage.upload(await photoArchive(4));
    const input = { images_data_url, trigger_phrase: 'TOK' };
    const { request_id: requestId } = await before.fal.queue.submit('fal-ai/flux-lora-portrait-trainer', { input });
    await before.simulator.close();
    // The state after kill -9: the request is accepted and nothing else is recorded.
    const journal = join(dataDir, 'journal.jsonl');
    const lines = readFileSync(journal, 'utf8').split('\n');
    writeFileSync(
      journal,
      lines.filter((line) => !line.includes('"trained"') && !line.includes('"avatar"')).join('\n'),
    );
    const { fal } = await simulate({ dataDir });
    expect(await fal.queue.status('fal-ai/flux-lora-portrait-trainer', { requestId })).toMatchObject({
      status: 'COMPLETED',
    });
    const { data } = await fal.queue.result('fal-ai/flux-lora-portrait-trainer', { requestId });
    expect((await fetch(data.diffusers_lora_file.url)).status).toBe(200);
  });

  it('a training does not fail because the restart interrupted the download of its archive', async () => {
    const archive = Buffer.from(await (await photoArchive(4)).arrayBuffer());
    let isSlow = true;
    const elsewhere = createServer((_, response) => {
      if (!isSlow) response.end(archive);
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => elsewhere.close().closeAllConnections());
    const images_data_url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/photos.zip`;
    const before = await simulate({ dataDir });
    const downloadStarted = once(elsewhere, 'request');
    const trainer = 'fal-ai/flux-lora-portrait-trainer';
    const { request_id: requestId } = await before.fal.queue.submit(trainer, { input: { images_data_url } });
    await downloadStarted;
    await before.simulator.close();
    isSlow = false;
    const { fal } = await simulate({ dataDir });
    expect(await fal.queue.status(trainer, { requestId })).toMatchObject({ status: 'COMPLETED' });
    expect((await fal.queue.result(trainer, { requestId })).data.diffusers_lora_file.url).toContain('/files/');
  });

  it('a journal line that the crash cut off loses only itself', async () => {
    const before = await simulate({ dataDir });
    const { request_id: first } = await before.fal.queue.submit(endpoint, { input: { prompt: 'one' } });
    await before.simulator.close();
    appendFileSync(join(dataDir, 'journal.jsonl'), '\n{"is":"request","request":{"id":"to');
    const between = await simulate({ dataDir });
    const { request_id: second } = await between.fal.queue.submit(endpoint, { input: { prompt: 'two' } });
    await between.simulator.close();
    const { simulator } = await simulate({ dataDir });
    expect(simulator.record.requests().map(({ id }) => id)).toEqual([first, second]);
  });

  it('an incomplete upload is deleted', async () => {
    const before = await simulate({ dataDir });
    await before.simulator.close();
    writeFileSync(join(dataDir, 'files', 'orphan'), 'x');
    writeFileSync(join(dataDir, 'uploads', 'part'), 'x');
    await simulate({ dataDir });
    expect(readdirSync(join(dataDir, 'files'))).toEqual([]);
    expect(readdirSync(join(dataDir, 'uploads'))).toEqual([]);
  });
});

describe('after seven days', () => {
  it('requests and files are deleted, trained LoRAs and finetunes are not', async () => {
    const clock = manualClock();
    const { fal, simulator } = await simulate({ dataDir, clock });
    const path = await trainPortrait(fal);
    const lora = await (await fetch(path)).blob();
    const [training] = simulator.record.requests();
    clock.advance(7 * dayMs);
    await fal.queue.submit(endpoint, { input: { prompt: 'sweeps' } });
    expect(simulator.record.requests()).toHaveLength(1);
    const gone = `/fal-ai/flux-lora-portrait-trainer/requests/${training?.id}/status`;
    expect(await call(simulator, 'GET', gone)).toMatchObject({ status: 404 });
    expect((await fetch(path)).status).toBe(404);
    await expect.poll(() => readdirSync(join(dataDir, 'files'))).toEqual([]);

    const draw = (url: string) => fal.subscribe(endpoint, { input: { prompt: 'x', loras: [{ path: url }] } });
    expect(await refusal(draw(path))).toMatchObject({ status: 422 });
    expect((await draw(await fal.storage.upload(lora))).data.images).toHaveLength(1);

    await simulator.close();
    await simulate({ dataDir, clock });
    const remembered = readFileSync(join(dataDir, 'journal.jsonl'), 'utf8').split('\n');
    expect(remembered.filter((line) => line.startsWith('{"is":"file"'))).toHaveLength(1);
  });

  it('the journal contains only what has not expired', async () => {
    const clock = manualClock();
    const { fal, simulator } = await simulate({ dataDir, clock });
    for (let i = 0; i < 22; i += 1) {
      const submits = Array.from({ length: 50 }, () =>
        call(simulator, 'POST', `/${endpoint}`, { body: { prompt: 'x' } }),
      );
      await Promise.all(submits);
    }
    const lines = () => readFileSync(join(dataDir, 'journal.jsonl'), 'utf8').split('\n').length;
    expect(lines()).toBeGreaterThan(1100);
    clock.advance(7 * dayMs);
    await clientOf(simulator).queue.submit(endpoint, { input: { prompt: 'sweeps' } });
    expect(lines()).toBe(1);
    await fal.queue.submit(endpoint, { input: { prompt: 'appended' } });
    expect(lines()).toBe(2);
  });
});
