/** The worker alone: expired leases, lost steps, and continuing with a job in one lease. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Avatar } from '../../../prisma/generated/client/client.ts';
import { localViewer } from '../../../src/access/session.ts';
import { globalId } from '../../support/global-id.ts';
import { liveAt, startLikeness, type TestLikeness } from '../../support/likeness.ts';
import { addAvatar } from '../../support/rows.ts';
import { hang, openScriptedFal, type ScriptedFal } from '../../support/scripted-fal.ts';
import { held, routes, says } from '../../support/scripted-job.ts';

describe('the worker', () => {
  let fal: ScriptedFal;
  let likeness: TestLikeness;
  let avatar: Avatar;
  beforeEach(async () => {
    fal = await openScriptedFal();
    fal.always(routes.status, hang);
    likeness = await startLikeness({ env: liveAt(fal.url) });
    avatar = await addAvatar(likeness.app.prisma, localViewer.id, { diffusersLoraFileUrl: `${fal.url}/lora` });
  });
  afterEach(async () => {
    await likeness.close();
    await fal.close();
  });

  const startGeneration = () => likeness.client.startGeneration({ avatarId: globalId('PortraitAvatar', avatar.id) });
  const job = () => likeness.app.prisma.job.findFirstOrThrow();
  const steps = () =>
    likeness.app.prisma.$queryRaw<{ state: string; retry_count: number }[]>`
      SELECT state::text, retry_count FROM pgboss.job WHERE state <= 'active'`;
  /** As after a stall of this process. */
  const loseLeases = () =>
    likeness.app.prisma
      .$executeRaw`UPDATE pgboss.job SET heartbeat_on = now() - interval '1 hour' WHERE state = 'active'`;
  const waitFor = (check: () => Promise<void>) => vi.waitFor(check, { interval: 50 });

  test('a process that leases its own running step again keeps the answer to the submit under way', async () => {
    const answer = held(says.accepted);
    fal.script(routes.submit, answer.act);
    await startGeneration();
    await fal.nth(routes.submit, 1);
    const { attemptToken } = await job();
    await loseLeases();
    await waitFor(async () => expect(await steps()).toEqual([{ state: 'active', retry_count: 1 }]));
    expect((await job()).attemptToken).toBe(attemptToken);
    answer.release();
    await waitFor(async () => expect((await job()).status).toBe('IN_QUEUE'));
    expect(fal.at(routes.submit)).toHaveLength(1);
  });

  test('a step that failed before its claim runs again after its lease expires', async () => {
    fal.script(routes.submit, says.accepted);
    await likeness.app.prisma.$executeRawUnsafe(
      `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken by the test'; END $$`,
    );
    await likeness.app.prisma.$executeRawUnsafe(
      `CREATE TRIGGER fail BEFORE UPDATE OF "attemptToken" ON "Job" FOR EACH ROW EXECUTE FUNCTION fail()`,
    );
    await startGeneration();
    await waitFor(async () => expect(likeness.logged.join('')).toContain('a step could not be written'));
    await likeness.app.prisma.$executeRawUnsafe('DROP FUNCTION fail CASCADE');
    // The lease expires after ten seconds, and pg-boss looks for expired leases every three.
    await waitFor(async () => expect((await job()).status).toBe('IN_QUEUE'));
  });

  test('a stopped worker releases its leases, so that another can take them at once', async () => {
    fal.script(routes.submit, says.accepted);
    await startGeneration();
    await fal.nth(routes.status, 1);
    await likeness.worker.stop();
    expect((await steps()).map(({ state }) => state)).toEqual(['retry']);
    expect((await job()).status).toBe('IN_QUEUE');
    expect(await likeness.app.steps.lease(1)).toHaveLength(1);
  });

  test('a step that has submitted its job follows it in the same lease', async () => {
    fal.script(routes.submit, says.accepted);
    await startGeneration();
    await fal.nth(routes.status, 1);
    expect((await job()).status).toBe('IN_QUEUE');
    expect(await steps()).toEqual([{ state: 'active', retry_count: 0 }]);
    expect(await likeness.app.prisma.$queryRaw`SELECT count(*)::int AS count FROM pgboss.job`).toEqual([{ count: 1 }]);
  });

  test('a sweep enqueues a step for a job without one, and no second step', async () => {
    fal.script(routes.submit, says.accepted);
    await likeness.worker.stop();
    await startGeneration();
    await likeness.app.prisma.$executeRaw`DELETE FROM pgboss.job`;
    await likeness.worker.sweep();
    await likeness.worker.sweep();
    expect(await steps()).toEqual([{ state: 'created', retry_count: 0 }]);
  });
});
