/** Waiting and measuring, as the core does them. A simulation brings its own; everybody else takes the real ones. */
export type Timers = {
  /** Calls once after so long, unless the returned function is called before. */
  after(ms: number, call: () => void): () => void;
  /** Calls again and again, until the returned function is called. By itself it keeps no process alive. */
  every(ms: number, call: () => void): () => void;
  /** Milliseconds since an instant of its own: to measure how long something took, whatever is done to the clock. */
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

/** What the promise comes to. Throws when it has come to nothing by then; what it is of goes on. */
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
