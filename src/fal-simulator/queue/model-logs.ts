/**
 * The log lines of a running model, as fal's log entries: without a level, with timestamps in microseconds without a zone.
 * They contain several tqdm bars, of which one counts the requested steps.
 */
import { endpoints } from '../../fal/endpoints.ts';
import type { FalRequest } from './request.ts';
import type { Progress } from './timeline.ts';
import { stepsOf, undisturbedTimingsOf } from './timings.ts';

export type LogEntry = { timestamp: string; message: string; labels: Record<string, string> };
type Line = { atMs: number; message: string; index: number };
/** A line without a message is not printed yet, but reserves its index, so that later timestamps stay the same. */
type Draft = { at: number; message: string | undefined };

/** Lines of the bar of steps: fal prints about one every three seconds. */
const fewestBarLines = 24;
const mostBarLines = 200;
const barLineMs = 3000;

/** All lines up to that progress, oldest first. */
export function logsAt(request: FalRequest, progress: Progress): LogEntry[] {
  if (progress.status === 'IN_QUEUE' || progress.startedAt === undefined) return [];
  const { startedAt, ranMs } = progress;
  const labels = { fal_request_id: request.id, fal_endpoint: request.endpoint };
  return script(request).flatMap(({ atMs, message, index }) =>
    atMs <= ranMs ? [{ timestamp: timestamp(startedAt + atMs, index), message, labels }] : [],
  );
}

/** The time of the next line, in milliseconds from the start of the run. */
export function nextLineMs(request: FalRequest, ranMs: number): number | undefined {
  return script(request).find((line) => line.atMs > ranMs)?.atMs;
}

/** Caches the script of each record; a changed request is a new record. */
const scripts = new Map<FalRequest, Line[]>();
const mostScripts = 1000;

/** All lines of the run, each with its time from the start. */
function script(request: FalRequest): Line[] {
  const lines = scripts.get(request) ?? write(request);
  if (scripts.size >= mostScripts) scripts.clear();
  scripts.set(request, lines);
  return lines;
}

function write(request: FalRequest): Line[] {
  const { runMs } = undisturbedTimingsOf(request);
  return drafts().flatMap(({ at, message }, index) =>
    message === undefined ? [] : [{ atMs: at * runMs, message, index }],
  );

  function drafts(): Draft[] {
    if (request.failure !== undefined) return [{ at: 0, message: 'Validating input...' }];
    if (request.trained?.failure !== undefined) return [{ at: 0, message: 'Downloading training data...' }];
    return endpoints[request.endpoint].kind === 'TRAINING' ? training() : generation();
  }

  function training(): Draft[] {
    const images = request.trained?.images;
    return [
      { at: 0, message: 'Downloading training data...' },
      { at: 0.05, message: images === undefined ? undefined : `Found ${images} images in the archive` },
      ...counts('Fetching 3 files', 3, 0.06, 0.09),
      ...counts('Caching latents', images, 0.1, 0.13),
      { at: 0.14, message: 'Starting training' },
      ...bar('Training', 0.15, 0.95, (done) => `, loss=${(0.12 + 0.38 * Math.exp(-3 * done)).toFixed(3)}`),
      { at: 0.96, message: 'Saving checkpoint...' },
      { at: 0.99, message: 'Uploading weights...' },
    ];
  }

  function generation(): Draft[] {
    return [
      {
        at: 0,
        message: endpoints[request.endpoint].artefact === 'LORA' ? 'Loading LoRA weights...' : 'Loading finetune...',
      },
      ...counts('Fetching 3 files', 3, 0.02, 0.1),
      { at: 0.12, message: 'Encoding prompt...' },
      ...bar('', 0.15, 0.93),
      { at: 0.95, message: 'Running safety checker...' },
      { at: 0.98, message: 'Uploading images...' },
    ];
  }

  /** The bar that counts the requested steps. */
  function bar(title: string, from: number, to: number, more?: (done: number) => string): Draft[] {
    const total = stepsOf(request);
    if (total === undefined) return [];
    const spanMs = Math.max(runMs * (to - from), fewestBarLines * 10);
    const wanted = Math.min(Math.max(Math.round(spanMs / barLineMs), fewestBarLines), mostBarLines, total);
    return Array.from({ length: wanted + 1 }, (_, i) => {
      const done = Math.floor((total * i) / wanted);
      const message = tqdm({ title, done, total, elapsedMs: spanMs * (i / wanted), more: more?.(i / wanted) ?? '' });
      return { at: from + (to - from) * (i / wanted), message };
    });
  }
}

/** A bar that counts something other than steps. */
function counts(title: string, total: number | undefined, from: number, to: number): Draft[] {
  const line = (done: number) => tqdm({ title, done, total: total ?? 0, elapsedMs: done * 40, more: '' });
  if (total === undefined) return [from, to].map((at) => ({ at, message: undefined }));
  return [
    { at: from, message: line(0) },
    { at: to, message: line(total) },
  ];
}

type Bar = { title: string; done: number; total: number; elapsedMs: number; more: string };

/** A line of tqdm: ` 36%|███▌      | 10/28 [00:01<00:02,  7.21it/s]`, with block characters for eighths. */
export function tqdm({ title, done, total, elapsedMs, more }: Bar): string {
  const share = done / total;
  const eighths = Math.floor(share * 80);
  const blocks = '█'.repeat(Math.floor(eighths / 8)) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8];
  const rate = done === 0 ? 0 : done / (elapsedMs / 1000);
  const speed = rate === 0 ? '?it/s' : `${rate.toFixed(2).padStart(5)}it/s`;
  const left = rate === 0 ? '?' : clock(((total - done) / rate) * 1000);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const head = title === '' ? percent : `${title}: ${percent}`;
  return `${head}|${blocks.padEnd(10)}| ${done}/${total} [${clock(elapsedMs)}<${left}, ${speed}${more}]`;
}

const two = (value: number) => String(value).padStart(2, '0');

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}:${minutes}`;
}

/** ISO 8601 in microseconds, without a zone. The line's index distinguishes lines of the same millisecond. */
function timestamp(at: number, index: number): string {
  return new Date(at).toISOString().replace('Z', String(index % 1000).padStart(3, '0'));
}
