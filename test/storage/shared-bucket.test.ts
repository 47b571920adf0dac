/** Servers that share a bucket. On PostgreSQL, several do: shared-bucket.stress.test.ts. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { databases } from '../support/databases.ts';
import { emptyFolder, startLikeness } from '../support/likeness.ts';
import { runToEnd } from '../support/process.ts';
import { TestS3 } from '../support/s3.ts';
import { sse } from '../support/scripted-fal.ts';
import { openScriptedJob, routes, says } from '../support/scripted-job.ts';
import { describeBucketOn } from './shared-bucket.ts';

for (const database of databases.slice(0, 1)) describeBucketOn(...database);

describe('a job', () => {
  let s3: TestS3;
  beforeEach(async () => {
    s3 = await new TestS3().start();
  });
  afterEach(() => s3.stop());

  test('whose images are ready at fal waits for the bucket, however many attempts fail', async () => {
    const job = await openScriptedJob({}, s3.env);
    onTestFinished(() => job.close());
    job.fal.script(routes.submit, says.accepted);
    job.fal.script(routes.stream, sse([says.done]));
    const id = await job.startGeneration();
    await job.work(id, (status) => status === 'FINALIZING');
    await s3.stop();
    const { worker, app } = job.likeness;
    for (let steps = 0; steps < 12; ) {
      await app.prisma.$executeRaw`UPDATE pgboss.job SET start_after = now() WHERE state < 'active'`;
      steps += Math.max(1, await worker.tick());
    }
    const { status, failures } = await app.prisma.job.findFirstOrThrow();
    expect({ status, failures: failures > 10 }).toEqual({ status: 'FINALIZING', failures: true });
    await s3.start();
    await job.toTheEnd(id);
    expect((await job.look(id)).status).toBe('SUCCEEDED');
    expect(s3.objects.size).toBe(1);
  });
});

describe('a server', () => {
  test('does not start when the bucket rejects it, and prints the reason in one sentence', async () => {
    const s3 = await new TestS3().start();
    onTestFinished(() => s3.stop());
    const { code, output } = await runToEnd({ DATA_DIR: emptyFolder(), ...s3.env, S3_BUCKET: 'other' });
    expect([code, output]).toEqual([1, expect.stringMatching(/^S3_BUCKET: there is no bucket other\. Create it/m)]);
    const stranger = { S3_ACCESS_KEY_ID: 'AKIA-of-another' };
    const refused = await runToEnd({ DATA_DIR: emptyFolder(), ...s3.env, ...stranger });
    expect([refused.code, refused.output]).toEqual([1, expect.stringMatching(/^S3_ACCESS_KEY_ID: /m)]);
    expect(refused.output).not.toMatch(/AKIA|test-secret/);
  });

  test('starts while the bucket is unavailable, and becomes ready when the bucket is back', async () => {
    const s3 = await new TestS3().start();
    await s3.stop();
    const likeness = await startLikeness({ env: s3.env, manual: true });
    onTestFinished(() => likeness.close());
    expect((await fetch(`${likeness.url}/ready`)).status).toBe(503);
    await s3.start();
    onTestFinished(() => s3.stop());
    expect((await fetch(`${likeness.url}/ready`)).status).toBe(200);
    expect(likeness.logged.join('')).not.toMatch(/likeness-test|test-secret/);
  });
});
