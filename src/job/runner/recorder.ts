/**
 * Writes down what fal tells while a step follows it: state, queue position, every log line, and progress at most four
 * times a second. While one write is under way the next ones gather, so a burst costs a few statements and not one a line.
 */
import type { JobStatus } from '../../../prisma/generated/client/client.ts';
import { clip } from '../../database/storable-text.ts';
import type { NewEvent } from '../../events/payload.ts';
import type { RequestStatus } from '../../fal/port.ts';
import { advance, estimate, type Progress, readProgress } from '../../fal/progress.ts';
import { failpoint } from '../../runtime/failpoint.ts';
import type { Columns } from '../columns.ts';
import { type Claim, commitStep } from './commit-step.ts';
import type { StepDependencies } from './step-dependencies.ts';

const progressEveryMs = 250;
const estimateEveryMs = 1_000;
/** Events in one statement: a burst of thousands of lines is written in several, and lets others in between. */
const mostAtOnce = 500;
/** Past so many that wait to be written, whoever reads fal's stream waits as well. */
const mostPending = 2_000;
/** A longer line of a log is kept to this. */
const mostCharacters = 10_000;

export class Recorder {
  #failure: { error: unknown } | undefined;
  readonly #onFailure: () => void;
  readonly #deps: StepDependencies;
  readonly #claim: Claim;
  readonly #readTypicalMs: () => Promise<number | undefined>;
  #typicalMs: number | undefined;
  #isTypicalAsked = false;
  readonly #totalSteps: number | undefined;
  readonly #stopEstimating: () => void;
  #status: JobStatus;
  #queuePosition: number | null;
  #startedAt: Date | null;
  #progress: Progress;
  #written: Progress;
  #progressAt = 0;
  #pending: NewEvent[] = [];
  #writing: Promise<void> | undefined;
  #stopLater: (() => void) | undefined;
  #isClosing = false;

  /** `onFailure` is called when a write failed: following is then over, and `close` throws what went wrong. */
  constructor(
    deps: StepDependencies,
    claim: Claim,
    readTypicalMs: () => Promise<number | undefined>,
    onFailure: () => void,
  ) {
    const { job } = claim;
    this.#deps = deps;
    this.#claim = claim;
    this.#readTypicalMs = readTypicalMs;
    this.#totalSteps = deps.tasks[job.kind].totalSteps(job);
    this.#status = job.status;
    this.#queuePosition = job.queuePosition;
    this.#startedAt = job.startedAt;
    this.#progress = { percent: job.percent, step: job.step, totalSteps: job.totalSteps, source: job.progressSource };
    this.#written = this.#progress;
    // A step that goes on with another's job cannot know when that one last told of progress.
    if (job.progressSource !== 'UNKNOWN') this.#progressAt = deps.timers.elapsedMs();
    this.#onFailure = onFailure;
    this.#stopEstimating = deps.timers.every(estimateEveryMs, () => this.#estimate());
  }

  /** Takes in one status, and writes what is new of it soon. Resolves when there is room for the next. */
  async record({ status, queuePosition, logs, error }: RequestStatus): Promise<void> {
    if (status === 'IN_QUEUE') this.#queued(queuePosition ?? null);
    // A request that ended in an error may never have been worked on: it does not count as started by that.
    else if (error === undefined) this.#started();
    for (const { message, timestamp, level } of logs) {
      const line = clip(message, mostCharacters);
      this.#pending.push({ type: 'LOGGED', payload: { message: line, loggedAt: timestamp, level: level ?? null } });
      const seen = readProgress(message, this.#totalSteps);
      if (seen !== undefined) this.#progress = advance(this.#progress, seen);
    }
    this.#writeSoon();
    while (this.#pending.length > mostPending && this.#writing !== undefined) await this.#writing;
  }

  /** To be called once, at the end of following. Resolves when everything seen is written; nothing is written after. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#stopEstimating();
    this.#stopLater?.();
    while (this.#failure === undefined && (this.#writing !== undefined || this.#hasNews())) {
      this.#startWriting();
      await this.#writing;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #queued(position: number | null): void {
    // fal put the request back: its runner was lost, and it is run again.
    this.#status = 'IN_QUEUE';
    if (position === this.#queuePosition) return;
    this.#queuePosition = position;
    if (position !== null) this.#pending.push({ type: 'QUEUE_MOVED', payload: { position } });
  }

  #started(): void {
    this.#status = 'IN_PROGRESS';
    this.#queuePosition = null;
    if (this.#startedAt !== null) return;
    this.#startedAt = this.#deps.now();
    this.#pending.push({ type: 'STARTED', payload: {} });
  }

  #estimate(): void {
    if (this.#status !== 'IN_PROGRESS' || this.#startedAt === null) return;
    if (this.#typicalMs === undefined) return void this.#askTypical();
    this.#progress = estimate(this.#progress, this.#deps.now().getTime() - this.#startedAt.getTime(), this.#typicalMs);
    this.#writeSoon();
  }

  /** Most jobs are done before anybody needs an estimate. Without one there is none. */
  async #askTypical(): Promise<void> {
    if (this.#isTypicalAsked) return;
    this.#isTypicalAsked = true;
    this.#typicalMs = await this.#readTypicalMs().catch(() => undefined);
  }

  #writeSoon(): void {
    if (this.#writing !== undefined || this.#failure !== undefined || this.#isClosing) return;
    if (this.#hasNews()) this.#startWriting();
    else if (this.#progress !== this.#written && this.#stopLater === undefined) {
      const { timers } = this.#deps;
      this.#stopLater = timers.after(this.#progressAt + progressEveryMs - timers.elapsedMs(), () => {
        this.#stopLater = undefined;
        this.#writeSoon();
      });
    }
  }

  /** Whether there is something to write now. Progress waits until its quarter second is over, or following is. */
  #hasNews(): boolean {
    return (
      this.#pending.length > 0 ||
      this.#status !== this.#claim.job.status ||
      (this.#progress !== this.#written && (this.#isProgressDue() || this.#isClosing))
    );
  }

  #isProgressDue(): boolean {
    return this.#deps.timers.elapsedMs() >= this.#progressAt + progressEveryMs;
  }

  #startWriting(): void {
    this.#writing ??= this.#write()
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#onFailure();
      })
      .finally(() => {
        this.#writing = undefined;
        this.#writeSoon();
      });
  }

  async #write(): Promise<void> {
    await failpoint('follow.seen');
    const events = this.#pending.splice(0, mostAtOnce);
    const data: Columns = {
      status: this.#status,
      queuePosition: this.#queuePosition,
      startedAt: this.#startedAt,
      failures: 0,
    };
    const isNew = this.#progress !== this.#written;
    const isTold = isNew && this.#isProgressDue();
    // At the end the row learns how far it came; an event too many is not told for it.
    if (isTold || (isNew && this.#isClosing)) {
      const { percent, step, totalSteps, source } = this.#progress;
      this.#written = this.#progress;
      Object.assign(data, { percent, step, totalSteps, progressSource: source });
      if (isTold) events.push({ type: 'PROGRESSED', payload: { percent, step, totalSteps, source } });
    }
    await commitStep(this.#deps, this.#claim, { data, events });
    // Counted from when it was written, so that a slow write does not bring two together.
    if (isTold) this.#progressAt = this.#deps.timers.elapsedMs();
  }
}
