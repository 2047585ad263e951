import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { NotificationListener, isRetryableDatabaseError } from '../database';
import { DomainError } from '../kernel';
import { PollLoop } from '../notifications';
import { JobTelemetry, Logger } from '../telemetry';
import { Bell } from './bell';
import { JobControl } from './job-control';
import type { JobHandler, SharedLimit } from './job-handler';
import { JOBS_CHANNEL } from './job-rows';
import { DEFAULT_JOB_SETTINGS, JobSettings } from './job-settings';
import { Limiter } from './limiter';
import { ClaimedStep, LeaseLost, StepLedger } from './step-ledger';
import { StepRun } from './step-run';

export interface JobRunnerOptions {
  readonly dataSource: DataSource;
  readonly log: Logger;
  readonly settings?: Partial<JobSettings>;
  /** Default: nobody watches. */
  readonly telemetry?: JobTelemetry;
  /** Default: jobs have no limits but their own. */
  readonly sharedLimit?: SharedLimit;
}

const SWEEP_EVERY_MILLIS = 3_600_000;
/** A pass only talks to the database, whose statements are bounded. */
const HUNG_MILLIS = 120_000;

/**
 * Runs the steps of jobs, together with the runners of all other processes on the same database (docs/adr/0003-jobs.md).
 * It goes on by itself after the database was away.
 */
export class JobRunner {
  readonly settings: JobSettings;
  private readonly handlers = new Map<string, JobHandler>();
  private readonly runs = new Map<StepRun, Promise<void>>();
  private readonly controls = new Map<string, JobControl>();
  private readonly bell = new Bell();
  private readonly shared: Limiter;
  private readonly sharedLimit: SharedLimit;
  private readonly ledger: StepLedger;
  private readonly claims: PollLoop;
  private readonly renewals: PollLoop;
  private readonly watch: PollLoop;
  private readonly listener: NotificationListener;
  private readonly log: Logger;
  private readonly telemetry: JobTelemetry;
  private deadlines: NodeJS.Timeout | undefined;
  private sweptAt: number | undefined;
  private draining = false;

  constructor(options: JobRunnerOptions) {
    this.settings = { ...DEFAULT_JOB_SETTINGS, ...options.settings };
    this.log = options.log;
    this.telemetry = options.telemetry ?? new JobTelemetry();
    this.sharedLimit = options.sharedLimit ?? { kinds: [], limit: () => null };
    this.shared = new Limiter(() => this.bell.ring());
    this.ledger = new StepLedger(options.dataSource, this.settings, randomUUID());
    const loop = (pass: () => Promise<void>, millis: number): PollLoop => new PollLoop(pass, millis, (error) => this.complain(error));
    this.claims = loop(() => this.claimAll(), this.settings.pollMillis);
    this.renewals = loop(() => this.renewAll(), this.settings.leaseMillis / 3);
    this.watch = loop(() => this.watchAll(), this.settings.pollMillis);
    this.listener = new NotificationListener(options.dataSource, JOBS_CHANNEL, () => {
      this.claims.wake();
      if (this.runs.size > 0) this.watch.wake();
    });
  }

  /** Before `start`. Steps of kinds that nobody registered wait for a process that knows them. */
  register(handler: JobHandler): void {
    if (this.handlers.has(handler.kind)) throw new Error(`two handlers for jobs of kind ${handler.kind}`);
    if (handler.stages.length === 0) throw new Error(`jobs of kind ${handler.kind} have no stage`);
    this.handlers.set(handler.kind, handler);
  }

  /** Does it claim steps, renew their leases and watch their jobs? */
  get healthy(): boolean {
    return [this.claims, this.renewals, this.watch].every((loop) => loop.healthy(Math.max(this.settings.leaseMillis, HUNG_MILLIS)));
  }

  /** Kinds of jobs that were registered. */
  get kinds(): readonly string[] {
    return [...this.handlers.keys()];
  }

  async start(): Promise<void> {
    await this.listener.start();
    this.deadlines = setInterval(() => this.checkAll(), Math.max(20, this.settings.leaseMillis / 20));
    this.renewals.start();
    this.watch.start();
    this.claims.start();
  }

  /**
   * Drains: claims nothing more, aborts the running steps and gives them back, so that other processes go on at once.
   * Resolves when that is done, `drainMillis` later at most.
   */
  async stop(): Promise<void> {
    if (this.draining) return;
    this.draining = true;
    await this.claims.stop();
    const error = new DomainError('ServiceUnavailable', 'the process is going down', { transient: true });
    for (const run of this.runs.keys()) run.stop('draining', error);
    const timeout = new AbortController();
    const late = delay(this.settings.drainMillis, undefined, { signal: timeout.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.runs.values()), late]);
    timeout.abort();
    clearInterval(this.deadlines);
    await Promise.all([this.renewals.stop(), this.watch.stop(), this.listener.stop()]);
    if (this.runs.size > 0) this.log.warn({ steps: this.runs.size }, 'steps did not end in time; their leases run out');
  }

  private async claimAll(): Promise<void> {
    const kinds = [...this.handlers.keys()];
    await this.ledger.admit(kinds);
    while (!this.draining && this.hasPlace()) {
      const claimedAt = performance.now();
      const step = await this.ledger.claim(kinds, this.waitingRuns().map((run) => run.job.id));
      if (step === undefined) break;
      this.run(step, claimedAt);
    }
    if (this.sweptAt === undefined || performance.now() - this.sweptAt > SWEEP_EVERY_MILLIS) {
      this.sweptAt = performance.now();
      await this.ledger.sweep();
    }
  }

  /** Steps that wait off their job's rate limit do nothing: others have their places meanwhile, so that there may be twice as many in all. */
  private hasPlace(): boolean {
    const { stepsPerProcess } = this.settings;
    return this.runs.size < 2 * stepsPerProcess && this.runs.size - this.waitingRuns().length < stepsPerProcess;
  }

  private waitingRuns(): StepRun[] {
    return [...this.runs.keys()].filter((run) => run.waitsLong);
  }

  private run(step: ClaimedStep, claimedAt: number): void {
    const handler = this.handlers.get(step.job.kind);
    if (handler === undefined) throw new DomainError('InternalError', `claimed a step of unknown kind ${step.job.kind}`);
    const run = new StepRun(step, handler, this.controlOf(step.job), this.ledger, this.settings, this.log, this.telemetry, claimedAt);
    const ended = this.steer(run).finally(() => {
      this.runs.delete(run);
      this.claims.wake();
    });
    this.runs.set(run, ended);
  }

  /** A step starts under the job's present rate limit, not at full speed until the watch comes round. */
  private async steer(run: StepRun): Promise<void> {
    await this.lookAt([run.job.id]).catch((error: unknown) => this.complain(error));
    await run.run();
  }

  private controlOf({ id, kind }: { readonly id: string; readonly kind: string }): JobControl {
    const known = this.controls.get(id);
    if (known !== undefined) return known;
    const control = new JobControl(this.bell, this.sharedLimit.kinds.includes(kind) ? this.shared : undefined);
    this.controls.set(id, control);
    return control;
  }

  private checkAll(): void {
    const now = performance.now();
    for (const run of this.runs.keys()) run.check(now);
  }

  private async renewAll(): Promise<void> {
    // A step that was stopped and does not end keeps its lease no longer.
    const runs = [...this.runs.keys()].filter((run) => !run.stopped);
    if (runs.length === 0) return;
    const sentAt = performance.now();
    const { renewed, kept } = await this.ledger.renew(runs.map((run) => run.step));
    for (const run of runs) {
      if (renewed.has(run.step.token)) run.renewed(sentAt);
      else if (!kept.has(run.step.token) && this.runs.has(run)) run.stop('lease-lost', new LeaseLost());
    }
  }

  /** Pause, rate limit and cancellation reach the running steps here. */
  private async watchAll(): Promise<void> {
    const held = (): Set<string> => new Set([...this.runs.keys()].map((run) => run.job.id));
    if (this.runs.size > 0) await this.lookAt([...held()]);
    const now = performance.now();
    // As it is by now: a step that was begun meanwhile must not lose what tells it of changes.
    const stillHeld = held();
    // A control is kept while its rate limit has a debt: short steps must not each begin without one.
    for (const [jobId, control] of this.controls) if (!stillHeld.has(jobId) && control.isClear(now)) this.controls.delete(jobId);
  }

  private async lookAt(jobIds: readonly string[]): Promise<void> {
    for (const condition of await this.ledger.conditions(jobIds, this.sharedLimit.kinds)) {
      this.shared.set(this.sharedLimit.limit(), condition.sharers, performance.now());
      this.controls.get(condition.id)?.apply(condition, performance.now());
      if (condition.error === null) continue;
      const error = new DomainError('Cancelled', 'the job is to end');
      for (const run of this.runs.keys()) if (run.job.id === condition.id && !run.step.cleanup) run.stop('failing', error);
    }
  }

  private complain(err: unknown): void {
    if (isRetryableDatabaseError(err)) this.log.warn({ err }, 'the job database cannot be reached; trying again');
    else this.log.error({ err }, 'the job runner met an error; trying again');
  }
}
