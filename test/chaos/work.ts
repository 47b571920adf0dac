/** What owners do in a run: first they have avatars trained, then they start jobs, cancel some and start some anew. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '../../src/fal-simulator/random.ts';
import {
  type ChaosAvatar,
  cancelSometime,
  createAvatar,
  drawAndDelete,
  generate,
  importStyle,
  type Journal,
  retry,
  train,
} from './client.ts';
import type { Caller } from './owner.ts';

/** Each owner's avatars that are ready to be drawn, before anything goes wrong: a portrait, and a style that the first trains. */
export async function learn(callers: Caller[], random: Random, journal: Journal): Promise<ChaosAvatar[][]> {
  const [first] = callers;
  if (first === undefined) throw new Error('A run needs an owner.');
  // Two trainings for the first, one for the others, and a little that is soon spent.
  for (const caller of callers) await journal.grant(caller, caller === first ? 360 : 210);
  const style = await createAvatar(first, 'STYLE', 'Woodcut');
  const portraits: ChaosAvatar[] = [];
  for (const caller of callers) portraits.push(await createAvatar(caller, 'PORTRAIT', `Ada of ${caller.owner.name}`));
  await train(first, style, random, journal);
  for (const [n, portrait] of portraits.entries()) await train(callers[n] ?? first, portrait, random, journal);
  await Promise.all(journal.followed.map(({ whole }) => whole));
  const document = `query($id: ID!) { node(id: $id) { ... on StyleAvatar { finetuneId } } }`;
  const { node } = await first.call<{ node: { finetuneId: string } }>(document, { id: style.id });
  return await Promise.all(
    callers.map(async (caller, n) => [
      ...portraits.slice(n, n + 1),
      caller === first ? style : await importStyle(caller, 'Woodcut, imported', node.finetuneId),
      await importStyle(caller, 'Of a stranger', 'no-such-finetune'),
    ]),
  );
}

type Work = { jobs: number; workMs: number; random: Random; journal: Journal };

export async function work(
  caller: Caller,
  avatars: ChaosAvatar[],
  { jobs, workMs, random, journal }: Work,
): Promise<void> {
  const [portrait, style, stranger] = avatars;
  if (portrait === undefined || style === undefined || stranger === undefined) return;
  const until = performance.now() + workMs;
  const cancels: Promise<void>[] = [];
  for (let n = 0; n < jobs && performance.now() < until; n += 1) {
    const job = random.chance(0.15)
      ? await train(caller, portrait, random, journal)
      : await generate(caller, random.chance(0.05) ? stranger : random.pick([portrait, style]), random, journal);
    if (job !== undefined && random.chance(0.25)) cancels.push(cancelSometime(caller, job, random));
    const own = journal.started.filter((one) => one.caller === caller);
    if (random.chance(0.15) && own.length > 0) await retry(random.pick(own as [(typeof own)[0]]), random, journal);
    if (random.chance(0.1)) cancels.push(drawAndDelete(caller, random, journal));
    // Bursts, and pauses that spread the rest over the time there is.
    if (random.chance(0.6)) await pause(random.between(0, (2 * workMs) / jobs));
  }
  await Promise.all(cancels);
  await pause(Math.max(0, until - performance.now()));
}
