import { setTimeout as delay } from 'node:timers/promises';
import type { EntityManager } from 'typeorm';
import { isRetryableDatabaseError, unavailableError } from '../database';
import { DomainError, RequestPace, isDomainError, storableText } from '../kernel';
import type { JobTelemetry, Logger, StepEnding } from '../telemetry';
import { failPoint } from './fail-point';
import type { JobControl } from './job-control';
import type { JobError, JobHandler, Json, StepContext, StepOutcome, StepProgress } from './job-handler';
import { viewOf } from './job-rows';
import type { JobSettings } from './job-settings';
import { ClaimedStep, LeaseLost, StepLedger } from './step-ledger';

/** Why a step is stopped from outside. Only a stall counts as a failed attempt. */
export type StopReason = 'lease-lost' | 'failing' | 'draining' | 'paused' | 'stalled';

const RETRY_MILLIS = 250;

/** One claimed step while it runs here: its lease's deadline, its context for the handler, and what becomes of it. */
export class StepRun implements StepContext {
  readonly job;
  readonly stage: string;
  readonly stepId: string;
  readonly payload: Json;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly pace: RequestPace;
  cursor: Json;
  /** Does it wait off its job's rate limit, for longer than another step should have to wait for its place? */
  waitsLong = false;
  private readonly abortion = new AbortController();
  private stopReason: StopReason | undefined;
  /** Monotonic milliseconds. The lease is ours until then at least: counted from before the database was asked. */
  private deadline: number;
  private lastSign = performance.now();
  private attempts: number;

  constructor(
    readonly step: ClaimedStep,
    private readonly handler: JobHandler,
    private readonly control: JobControl,
    private readonly ledger: StepLedger,
    private readonly settings: JobSettings,
    private readonly log: Logger,
    private readonly telemetry: JobTelemetry,
    claimedAt: number,
  ) {
    this.job = viewOf(step.job);
    this.stage = step.cleanup ? handler.cleanupStage : (handler.stages[step.job.stage_index] ?? '');
    this.stepId = step.id;
    this.payload = step.payload;
    this.cursor = step.cursor;
    this.attempt = step.attempts;
    this.attempts = step.attempts;
    this.signal = this.abortion.signal;
    this.deadline = claimedAt + settings.leaseMillis;
    this.pace = this.paceOf(control);
  }

  get stopped(): boolean {
    return this.stopReason !== undefined;
  }

  renewed(sentAt: number): void {
    this.deadline = Math.max(this.deadline, sentAt + this.settings.leaseMillis);
  }

  /** Aborts the step's signal. The lease is renewed no more: a handler that does not heed it has until the lease's end. */
  stop(reason: StopReason, error: DomainError): void {
    if (this.stopReason !== undefined) return;
    this.stopReason = reason;
    this.abortion.abort(error);
  }

  /** Stops what has lost its time. To be called often. */
  check(now: number): void {
    // A sixth before the end, so that work ceases before another process may begin it.
    if (now > this.deadline - this.settings.leaseMillis / 6) this.stop('lease-lost', new LeaseLost());
    if (now > this.lastSign + this.settings.stallMillis) {
      this.stop('stalled', new DomainError('ServiceUnavailable', 'a step of the job made no progress', { transient: true }));
    }
  }

  async throttle(amount: { bytes: number; items: number }): Promise<void> {
    const pausedSince = performance.now();
    for (;;) {
      this.signal.throwIfAborted();
      const now = performance.now();
      this.lastSign = now;
      const paused = this.control.paused && !this.step.cleanup;
      if (paused && now - pausedSince >= this.settings.pauseYieldMillis) {
        this.stop('paused', new DomainError('ServiceUnavailable', 'the job is paused', { transient: true }));
        continue;
      }
      const wait = paused ? this.settings.pauseYieldMillis : this.control.limiter.rate.delay(now);
      if (wait <= 0) break;
      this.waitsLong = !paused && wait >= this.settings.pauseYieldMillis;
      await this.control.wait(Math.min(Math.ceil(wait), this.settings.pollMillis), this.signal);
    }
    this.waitsLong = false;
    this.control.limiter.rate.take(amount, performance.now());
  }

  private paceOf(control: JobControl): RequestPace {
    return {
      get requestBytes() {
        return control.limiter.requestBytes;
      },
      get countsRequests() {
        return control.limiter.countsRequests;
      },
      inTurn: async (request) => {
        const end = await this.turn();
        try {
          return await request();
        } finally {
          end();
        }
      },
    };
  }

  /** Begins a request once its turn has come: what ends it. */
  private async turn(): Promise<() => void> {
    for (;;) {
      this.signal.throwIfAborted();
      this.lastSign = performance.now();
      const end = this.control.beginRequest();
      if (end) return end;
      await this.control.wait(this.settings.pollMillis, this.signal);
    }
  }

  async commit(cursor: Json, progress: StepProgress, inTransaction?: (tx: EntityManager) => Promise<void>): Promise<void> {
    const sentAt = performance.now();
    try {
      await this.ledger.commit(this.step, cursor, progress, inTransaction);
    } catch (error) {
      if (error instanceof LeaseLost) this.stop('lease-lost', error);
      throw unavailableError(error) ?? error;
    }
    if (JSON.stringify(cursor) !== JSON.stringify(this.cursor)) this.attempts = 0;
    this.cursor = cursor;
    this.telemetry.progressed(this.job.kind, progress);
    this.lastSign = performance.now();
    this.renewed(sentAt);
  }

  /** Runs the step to whatever end. Never rejects. */
  async run(): Promise<void> {
    failPoint('job.after-claim');
    await this.telemetry.step(this, () => this.toItsEnd());
  }

  private async toItsEnd(): Promise<StepEnding> {
    try {
      const outcome = await this.work();
      const ended = await this.insist(() => this.ledger.finish(this.step, this.handler, outcome));
      this.telemetry.progressed(this.job.kind, outcome.progress ?? {});
      if (ended !== undefined) this.telemetry.jobEnded(this.job, ended.state, ended.startedAt, ended.error?.type);
      return 'done';
    } catch (error) {
      return this.insist(() => this.giveUp(error)).catch((err: unknown) => {
        this.log.warn({ err, ...this.facts() }, 'a step could not be given back; its lease runs out');
        return 'interrupted';
      });
    }
  }

  /** What the handler makes of it; rejects when the step was stopped and its lease has run out, whether the handler heeds it or not. */
  private async work(): Promise<StepOutcome> {
    const { maxAttempts } = this.settings;
    if (this.step.attempts > maxAttempts && !this.step.cleanup) {
      throw new DomainError('AttemptsExhausted', `a step (${this.stage}) was begun ${maxAttempts} times and never ended`);
    }
    await this.ledger.begin(this.step, this.handler);
    if (this.step.cleanup && this.step.attempts > maxAttempts) {
      this.log.error(this.facts(), 'cleanup failed too often; the job ends without it');
      this.telemetry.cleanupFailed(this.job.kind);
      return {};
    }
    this.signal.throwIfAborted();
    return Promise.race([this.handler.runStep(this), this.abandoned()]);
  }

  private abandoned(): Promise<never> {
    return new Promise((_resolve, reject) => {
      this.signal.addEventListener('abort', () => {
        const left = Math.max(0, this.deadline - performance.now());
        setTimeout(() => reject(this.signal.reason), left).unref();
      });
    });
  }

  private async giveUp(error: unknown): Promise<StepEnding> {
    const reason = this.stopReason;
    if (reason === 'failing' || reason === 'draining' || reason === 'paused') {
      await this.ledger.release(this.step, { countAttempt: false, pauseMillis: 0 });
      return 'interrupted';
    }
    if (reason === undefined && isDomainError(error, 'TableLocked')) {
      this.log.info(this.facts(), 'a step waits for a table in maintenance');
      await this.ledger.release(this.step, { countAttempt: false, pauseMillis: this.lockPause(error) });
      return 'interrupted';
    }
    const facts = { err: error, ...this.facts() };
    const transient = reason !== undefined || isTransient(error);
    if (this.step.cleanup) {
      this.log.error(facts, 'cleanup of a job failed');
      this.telemetry.cleanupFailed(this.job.kind);
      if (this.attempts > 2 * this.settings.maxAttempts) {
        const ended = await this.ledger.endWithoutHandler(this.step);
        this.telemetry.jobEnded(this.job, ended.state, ended.startedAt, ended.error?.type);
        return 'failed';
      }
    } else if (!transient || this.attempts >= this.settings.maxAttempts) {
      this.log.error(facts, 'a step failed for good');
      await this.ledger.fail(this.step, errorOf(error));
      return 'failed';
    } else {
      this.log.warn(facts, 'a step failed; it will be tried again');
    }
    await this.ledger.release(this.step, { countAttempt: true, pauseMillis: this.backoff() });
    return reason === 'lease-lost' ? 'interrupted' : 'retried';
  }

  /** Locks end by themselves, soon and whatever happens: waiting for one is no failure. */
  private lockPause({ retryAfterSeconds }: DomainError): number {
    return Math.min((retryAfterSeconds ?? 1) * 1000, this.settings.maxBackoffMillis);
  }

  private backoff(): number {
    const { backoffMillis, maxBackoffMillis } = this.settings;
    return Math.min(backoffMillis * 2 ** Math.min(Math.max(this.attempts - 1, 0), 30), maxBackoffMillis);
  }

  /** Repeats a ledger call while the database is away, as long as the lease lasts: work that is done is not thrown away. */
  private async insist<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isRetryableDatabaseError(error) || performance.now() + RETRY_MILLIS > this.deadline) throw error;
        await delay(RETRY_MILLIS);
      }
    }
  }

  private facts(): object {
    return { job_id: this.job.id, job_kind: this.job.kind, stage: this.stage, step_id: this.stepId, attempt: this.attempt };
  }
}

function isTransient(error: unknown): boolean {
  return isDomainError(error) ? error.transient : isRetryableDatabaseError(error);
}

function errorOf(error: unknown): JobError {
  const shown = isDomainError(error) ? error : unavailableError(error);
  if (shown !== undefined) return { type: shown.code, message: storableText(shown.message) };
  return { type: 'InternalError', message: 'an internal error, which the log of the service explains' };
}
