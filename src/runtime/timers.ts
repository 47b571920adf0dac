/** Timers that the tests' simulation replaces by its own virtual clock; everything else uses `realTimers`. */
export type Timers = {
  /** Calls once after `ms`, unless the returned function is called before. */
  after(ms: number, call: () => void): () => void;
  /** Calls every `ms`, until the returned function is called. Does not keep the process alive. */
  every(ms: number, call: () => void): () => void;
  /** A monotonic clock in milliseconds, to measure durations. Changes of the system time do not affect it. */
  elapsedMs(): number;
};

export const realTimers: Timers = {
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  every(ms, call) {
    const timer = setInterval(call, ms).unref();
    return () => clearInterval(timer);
  },
  elapsedMs: () => performance.now(),
};

/** Resolves or rejects as the promise does, and rejects if it takes longer than `ms`. The work itself is not cancelled. */
export async function within<Value>(ms: number, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${ms} ms.`)), ms).unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
