/** What goes wrong while owners are at work, until `over`: by seed, whatever else happens. */
import { setTimeout as pause } from 'node:timers/promises';
import { randomFrom } from '../../src/fal-simulator/random.ts';
import type { ChaosFal } from './fal.ts';
import { drawPlan } from './fault-menu.ts';
import type { MortalServer } from './server.ts';

/** Kills the server at moments of chance, sometimes while it starts, and sometimes tells it to stop. */
export async function troubleServer(
  server: MortalServer,
  seed: number,
  workMs: number,
  over: AbortSignal,
): Promise<void> {
  const random = randomFrom('kills', seed);
  // A short run has its kill too.
  const mostMs = Math.min(12_000, workMs / 2);
  while (!over.aborted) {
    await pause(random.chance(0.2) ? random.int(0, 500) : random.int(1_000, mostMs), undefined, { signal: over }).catch(
      () => undefined,
    );
    if (over.aborted) return;
    if (random.chance(0.2)) await server.drainAndStart();
    else await server.killAndStart(random.chance(0.25) ? [random.int(0, 4_000)] : []);
  }
}

/** A new plan from time to time, and now and then fal itself is gone for a moment. */
export async function troubleFal(fal: ChaosFal, seed: number, workMs: number, over: AbortSignal): Promise<void> {
  const random = randomFrom('faults', seed);
  for (let phase = 0; !over.aborted; phase += 1) {
    fal.plan(drawPlan(random, seed * 1000 + phase));
    await pause(Math.max(3_000, workMs / 6), undefined, { signal: over }).catch(() => undefined);
    if (!over.aborted && random.chance(0.3)) await fal.restart();
  }
  fal.plan(undefined);
}
