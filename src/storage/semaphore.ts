/** Runs at most `permits` pieces of work at once; the others wait, first come, first served. */
export type Semaphore = <T>(work: () => Promise<T>) => Promise<T>;

export function semaphore(permits: number): Semaphore {
  let free = permits;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    // Work that ends hands its permit to the first in line, so that a newcomer cannot overtake.
    else await new Promise<void>((enter) => waiting.push(enter));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
