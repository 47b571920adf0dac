/**
 * The time from starting the server's process to its first response, compared with opening the embedded database alone,
 * and the server's memory at rest.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../support/process.ts';
import { execute } from './client.ts';
import { newFolders } from './database.ts';
import type { Figure, PartOptions } from './part.ts';
import { inTurns, median, ratio, round } from './rounds.ts';
import { memoryMb } from './usage.ts';
import { versioned } from './versions.ts';

/** Wait after the first response, by when the memory used by starting has been freed. */
const restMs = 5_000;

export async function measure({ isQuick, report }: PartOptions): Promise<Figure[]> {
  const rounds = isQuick ? 1 : 7;
  const { folder, remove } = newFolders();
  try {
    const memory: number[] = [];
    const server = async (dataDir: string, recordsMemory = false) => {
      const startedAt = performance.now();
      const process = await startProcess({ DATA_DIR: dataDir });
      await execute(process.url, '{ __typename }');
      const ms = performance.now() - startedAt;
      if (recordsMemory) {
        await sleep(restMs);
        memory.push(memoryMb(process.pid));
      }
      await process.end('SIGTERM');
      return ms;
    };
    const [existing, existingAlone] = [folder(), folder()];
    await server(existing);
    await openAlone(existingAlone);
    const times = await inTurns(rounds, [
      { name: 'first', run: () => server(join(folder(), 'data')) },
      { name: 'first alone', run: () => openAlone(join(folder(), 'data')) },
      { name: 'again', run: () => server(existing, memory.length < 3) },
      { name: 'again alone', run: () => openAlone(existingAlone) },
    ]);
    for (const [name, numbers] of times) report(`${name}: ${numbers.map((ms) => Math.round(ms)).join(', ')} ms`);
    const figure = (label: string, name: string, goalMs: number): Figure => {
      const ms = median(times.get(name) ?? []);
      return {
        label,
        figure: `${round(ms / 1000)} s, ${round(ratio(times, name, `${name} alone`))} times as long`,
        against: `a process that only opens ${versioned('@electric-sql/pglite')}`,
        goal: `at most ${goalMs / 1000} s`,
        isMet: ms <= goalMs,
      };
    };
    return [
      figure('from starting the process to its first response, with an existing data folder', 'again', 1_500),
      figure('the same with a new data folder', 'first', 4_000),
      {
        label: 'memory at rest',
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
  const startedAt = performance.now();
  const child = fork(join(import.meta.dirname, 'pglite-process.ts'), [join(folder, 'database')]);
  const exit = once(child, 'exit');
  await once(child, 'message');
  const ms = performance.now() - startedAt;
  await exit;
  return ms;
}
