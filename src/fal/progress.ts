/**
 * How far a job is. fal's queue has no field for it: it is read from the log lines of a model, or estimated. A reading
 * is trusted only when its total equals the steps asked for, because a training shows many bars (files fetched, captions,
 * latents) before and beside its own.
 */

export type Progress = {
  /** 0 to 99: 100 is said by success alone. Never decreases. */
  percent: number | null;
  step: number | null;
  totalSteps: number | null;
  source: 'MEASURED' | 'ESTIMATED' | 'UNKNOWN';
};

export type Reading = { step: number; totalSteps: number };

const mostPercent = 99;
const mostEstimated = 95;

/** tqdm's bar: ` 36%|███▌      | 10/28 [00:01<00:02,  7.21it/s]`. Not `1.2k/2.5k`, which counts something else. */
const bar = /\d{1,3}%\|[^|]*\|\s*(\d+)\/(\d+)(?![\d.kMG])/;
/** `step 3/28`, `Iteration: 3 of 28`. */
const count = /\b(?:steps?|iter(?:ation)?s?)\b\D{0,12}?(\d+)\s*(?:\/|of)\s*(\d+)/i;
/** `Diffusing: 45%`, where no count tells what it is a part of. */
const share = /\b(?:diffusing|progress|training)\b\D{0,12}?(\d{1,3})\s*%/i;
const anyCount = /\d\s*(?:\/|of)\s*\d/;

/** The last trusted reading of a message: bars are redrawn after a `\r`, and many of them can come as one line. */
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

/** Takes a reading in. The same object when it tells nothing new. */
export function advance(current: Progress, { step, totalSteps }: Reading): Progress {
  const furthest = Math.max(step, current.step ?? 0);
  const measured = Math.min(Math.floor((furthest * 100) / totalSteps), mostPercent);
  return changed(current, {
    percent: Math.max(measured, current.percent ?? 0),
    step: furthest,
    totalSteps,
    source: 'MEASURED',
  });
}

/**
 * Fills in for a reading while there is none. Half of the usual time shows about half, the whole of it about 75, and what
 * takes longer creeps towards 95 without getting there. The same object once something was measured.
 */
export function estimate(current: Progress, elapsedMs: number, typicalMs: number): Progress {
  if (current.source === 'MEASURED' || !(typicalMs > 0)) return current;
  const expected = Math.floor(mostEstimated * (1 - Math.exp((-1.6 * Math.max(elapsedMs, 0)) / typicalMs)));
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
