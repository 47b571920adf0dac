/**
 * Records what fal reports while a step follows it: status, queue position, every log line, and progress at most four times
 * a second. News that arrives during a write is written together by the next one, so a burst of lines costs few statements.
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

/** At most one PROGRESSED event in this time. */
const progressEveryMs = 250;
const estimateEveryMs = 1_000;
/** The most events in one statement: a longer burst takes several, so that other writers get in between. */
const maxEventsPerWrite = 500;
/** While more events than this wait to be written, `record` does not resolve, which pauses reading fal's stream. */
const maxPending = 2_000;
/** Longer log lines are cut. */
const maxLineCharacters = 10_000;

export class Recorder {
  #failure: { error: unknown } | undefined;
  readonly #onFailure: () => void;
  readonly #deps: StepDependencies;
  readonly #claim: Claim;
  readonly #readTypicalMs: () => Promise<number | undefined>;
  #typicalMs: number | undefined;
  #isTypicalRequested = false;
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

  /** Calls `onFailure` when a write fails: the caller stops following, and `close` throws the error. */
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
    // An earlier step may have published progress just now.
    if (job.progressSource !== 'UNKNOWN') this.#progressAt = deps.timers.elapsedMs();
    this.#onFailure = onFailure;
    this.#stopEstimating = deps.timers.every(estimateEveryMs, () => this.#estimate());
  }

  /** Queues what is new in a status for the next write. Resolves when the next status may come. */
  async record({ status, queuePosition, logs, error }: RequestStatus): Promise<void> {
    if (status === 'IN_QUEUE') this.#queued(queuePosition ?? null);
    // A request can end in an error without having started.
    else if (error === undefined) this.#started();
    for (const { message, timestamp, level } of logs) {
      const line = clip(message, maxLineCharacters);
      this.#pending.push({ type: 'LOGGED', payload: { message: line, loggedAt: timestamp, level: level ?? null } });
      const progress = readProgress(message, this.#totalSteps);
      if (progress !== undefined) this.#progress = advance(this.#progress, progress);
    }
    this.#writeSoon();
    while (this.#pending.length > maxPending && this.#writing !== undefined) await this.#writing;
  }

  /** Call it once, when following ends. Resolves when everything is written, and throws the error of a failed write. */
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
    // A request in progress can return to the queue: fal runs it again when its runner was lost.
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
    if (this.#typicalMs === undefined) return void this.#requestTypical();
    this.#progress = estimate(this.#progress, this.#deps.now().getTime() - this.#startedAt.getTime(), this.#typicalMs);
    this.#writeSoon();
  }

  /** Read late and once, because most jobs end before they need an estimate. If the read fails, there is no estimate. */
  async #requestTypical(): Promise<void> {
    if (this.#isTypicalRequested) return;
    this.#isTypicalRequested = true;
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

  /** Whether there is something to write now. Progress alone waits until it is due or following ends. */
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
    const events = this.#pending.splice(0, maxEventsPerWrite);
    const data: Columns = {
      status: this.#status,
      queuePosition: this.#queuePosition,
      startedAt: this.#startedAt,
      failures: 0,
    };
    const isNew = this.#progress !== this.#written;
    const isPublished = isNew && this.#isProgressDue();
    // When following ends, the row gets the latest progress even if no event is due for it.
    if (isPublished || (isNew && this.#isClosing)) {
      const { percent, step, totalSteps, source } = this.#progress;
      this.#written = this.#progress;
      Object.assign(data, { percent, step, totalSteps, progressSource: source });
      if (isPublished) events.push({ type: 'PROGRESSED', payload: { percent, step, totalSteps, source } });
    }
    await commitStep(this.#deps, this.#claim, { data, events });
    // Counted from the end of the write, so that two events stay apart even when a write is slow.
    if (isPublished) this.#progressAt = this.#deps.timers.elapsedMs();
  }
}
