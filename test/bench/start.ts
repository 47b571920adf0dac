/**
 * From the start of the process that `npm start` starts to its first answer, and the memory that it then takes. Beside the
 * embedded database alone.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../support/process.ts';
import { newFolders } from './database.ts';
import type { Figure, PartOptions } from './part.ts';
import { inTurns, median, ratio, round } from './rounds.ts';
import { memoryMb } from './usage.ts';
import { versioned } from './versions.ts';
import { ask } from './work.ts';

/** So long after the first answer, what starting took is given back. */
const restMs = 5_000;

export async function measure({ isQuick, say }: PartOptions): Promise<Figure[]> {
  const rounds = isQuick ? 1 : 7;
  const { folder, remove } = newFolders();
  try {
    const memory: number[] = [];
    const server = async (dataDir: string, notesMemory = false) => {
      const began = performance.now();
      const started = await startProcess({ DATA_DIR: dataDir });
      await ask(started.url, '{ __typename }');
      const ms = performance.now() - began;
      if (notesMemory) {
        await sleep(restMs);
        memory.push(memoryMb(started.pid));
      }
      await started.end('SIGTERM');
      return ms;
    };
    const [kept, keptAlone] = [folder(), folder()];
    await server(kept);
    await openAlone(keptAlone);
    const times = await inTurns(rounds, [
      { name: 'first', run: () => server(join(folder(), 'data')) },
      { name: 'first alone', run: () => openAlone(join(folder(), 'data')) },
      { name: 'again', run: () => server(kept, memory.length < 3) },
      { name: 'again alone', run: () => openAlone(keptAlone) },
    ]);
    for (const [name, numbers] of times) say(`${name}: ${numbers.map((ms) => Math.round(ms)).join(', ')} ms`);
    const figure = (what: string, name: string, goalMs: number): Figure => {
      const ms = median(times.get(name) ?? []);
      return {
        what,
        figure: `${round(ms / 1000)} s, ${round(ratio(times, name, `${name} alone`))} times as long`,
        against: `a process that only opens ${versioned('@electric-sql/pglite')}`,
        goal: `at most ${goalMs / 1000} s`,
        isMet: ms <= goalMs,
      };
    };
    return [
      figure('from starting the process to its first answer, with an existing data folder', 'again', 1_500),
      figure('the same with a new data folder', 'first', 4_000),
      {
        what: 'memory at rest',
        figure: `${Math.round(median(memory))} MB`,
        against: '',
        goal: '',
        isMet: undefined,
      },
    ];
  } finally {
    remove();
  }
}

async function openAlone(folder: string): Promise<number> {
  const began = performance.now();
  const child = fork(join(import.meta.dirname, 'pglite-process.ts'), [join(folder, 'database')]);
  const exit = once(child, 'exit');
  await once(child, 'message');
  const ms = performance.now() - began;
  await exit;
  return ms;
}
