/**
 * The progress of a job. fal's queue has no field for it: it is read from the log lines of the model, or estimated. A
 * reading counts only when its total equals the requested steps, because a training prints many other progress bars
 * (fetched files, captions, latents).
 */

export type Progress = {
  /** 0 to 99, because only a succeeded job has 100. Never decreases. */
  percent: number | null;
  step: number | null;
  totalSteps: number | null;
  source: 'MEASURED' | 'ESTIMATED' | 'UNKNOWN';
};

export type Reading = { step: number; totalSteps: number };

const maxPercent = 99;
const maxEstimatedPercent = 95;

/** A bar of tqdm: ` 36%|███▌      | 10/28 [00:01<00:02,  7.21it/s]`. Not `1.2k/2.5k`, which counts something else. */
const bar = /\d{1,3}%\|[^|]*\|\s*(\d+)\/(\d+)(?![\d.kMG])/;
/** `step 3/28`, `Iteration: 3 of 28`. */
const count = /\b(?:steps?|iter(?:ation)?s?)\b\D{0,12}?(\d+)\s*(?:\/|of)\s*(\d+)/i;
/** `Diffusing: 45%`, on a line without a count. */
const share = /\b(?:diffusing|progress|training)\b\D{0,12}?(\d{1,3})\s*%/i;
const anyCount = /\d\s*(?:\/|of)\s*\d/;

/** The last reading of a message that counts. One message can hold many bars, since tqdm redraws a bar after a `\r`. */
export function readProgress(message: string, totalSteps: number | undefined): Reading | undefined {
  if (totalSteps === undefined || totalSteps < 1) return undefined;
  return message
    .split(/[\r\n]+/)
    .map((line) => readLine(line, totalSteps))
    .findLast((reading) => reading !== undefined);
}

function readLine(line: string, totalSteps: number): Reading | undefined {
  const counted = bar.exec(line) ?? count.exec(line);
  const part = counted || anyCount.test(line) ? undefined : share.exec(line);
  const step = part ? Math.floor((Number(part[1]) * totalSteps) / 100) : Number(counted?.[1]);
  const trusted = part !== undefined || Number(counted?.[2]) === totalSteps;
  return trusted && step <= totalSteps ? { step, totalSteps } : undefined;
}

/** Applies a reading. Returns the same object when nothing changes. */
export function advance(current: Progress, { step, totalSteps }: Reading): Progress {
  const furthest = Math.max(step, current.step ?? 0);
  const measured = Math.min(Math.floor((furthest * 100) / totalSteps), maxPercent);
  return changed(current, {
    percent: Math.max(measured, current.percent ?? 0),
    step: furthest,
    totalSteps,
    source: 'MEASURED',
  });
}

/**
 * Estimates the progress while there is no reading: about 50 % after half of the typical time, about 75 % after all of
 * it, then ever closer to 95 %. Returns the same object when nothing changes, and once the progress was measured.
 */
export function estimate(current: Progress, elapsedMs: number, typicalMs: number): Progress {
  if (current.source === 'MEASURED' || !(typicalMs > 0)) return current;
  const expected = Math.floor(maxEstimatedPercent * (1 - Math.exp((-1.6 * Math.max(elapsedMs, 0)) / typicalMs)));
  return changed(current, { ...current, percent: Math.max(expected, current.percent ?? 0), source: 'ESTIMATED' });
}

function changed(current: Progress, next: Progress): Progress {
  const same =
    current.percent === next.percent &&
    current.step === next.step &&
    current.totalSteps === next.totalSteps &&
    current.source === next.source;
  return same ? current : next;
}
