/** One signal for several, with a way to remove its listeners: AbortSignal.any leaks memory in Node 20. */
export function abortScope(signals: readonly (AbortSignal | undefined)[]) {
  const controller = new AbortController();
  const abort = (reason: unknown): void => controller.abort(reason);
  const listeners = signals
    .filter((signal) => signal !== undefined)
    .map((signal) => ({ signal, onAbort: (): void => abort(signal.reason) }));
  for (const { signal, onAbort } of listeners) {
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }
  return {
    signal: controller.signal,
    abort,
    release(): void {
      for (const { signal, onAbort } of listeners) signal.removeEventListener('abort', onAbort);
    },
  };
}
