import type { EntityManager } from 'typeorm';
import { DomainError, RequestPace } from '../kernel';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Live limits of a job over all processes, changed by PATCH while it runs. Undefined: no limit. */
export interface RateLimit {
  readonly bytesPerSecond?: number;
  readonly itemsPerSecond?: number;
  /** Requests to the table's backend on their way at once; each process that works on the job may have one at least. */
  readonly requestsInFlight?: number;
}

/** A limit for all running jobs of some kinds together, but for those that have one of their own. Alike on every process. */
export interface SharedLimit {
  readonly kinds: readonly string[];
  /** As it is now; asked often. Null: none. */
  limit(): RateLimit | null;
}

/**
 * queued → running → succeeded | failed. A job that fails or is cancelled runs its cleanup stage (still `running`,
 * `outcome` set) before it is `failed`.
 */
export type JobState = 'queued' | 'running' | 'succeeded' | 'failed';

/** What a handler may know of its job. */
export interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly projectId: string;
  /** Id of the resource that the job works for (a backup's or restore job's id). */
  readonly subjectId: string;
  readonly params: Json;
  /** A secret that the job works with, sealed by whoever asked for it. It is forgotten when the job ends. */
  readonly sealed: string | undefined;
  readonly createdAt: number;
  /** W3C `traceparent` of the request that asked for it, where that was traced. */
  readonly traceParent: string | undefined;
}

export interface NewStep {
  readonly payload: Json;
}

/** Why a job ended badly: shown to clients in the resource's `error`. */
export interface JobError {
  readonly type: string;
  readonly message: string;
}

/** What a step adds to its job's progress (less than 0: what it takes back); sums over steps are the job's progress. */
export interface StepProgress {
  readonly items?: number;
  readonly bytes?: number;
}

/** One step (usually: one range, one chunk) as its handler sees it, under a lease that the runner renews. */
export interface StepContext {
  readonly job: JobView;
  readonly stage: string;
  readonly stepId: string;
  readonly payload: Json;
  /** What the last `commit` of this step kept, null at first. A resumed step goes on from here. */
  readonly cursor: Json;
  /** 1 for the first try. */
  readonly attempt: number;
  /**
   * Aborted when the lease is lost, the job fails or is cancelled or paused for long, the process drains, or the step stalls.
   * Reason: a DomainError. A step that does not heed it is given up when its lease ends.
   */
  readonly signal: AbortSignal;
  /** Waits while the job is paused or over its rate limit. Rejects when `signal` is aborted. */
  throttle(amount: { bytes: number; items: number }): Promise<void>;
  /** For whoever reads a table in the step's name. */
  readonly pace: RequestPace;
  /**
   * Keeps the cursor and progress, and whatever `inTransaction` writes, in one transaction that is fenced by the lease: if the
   * lease was lost, everything is rolled back and it rejects. A cursor other than the last is progress: attempts count anew.
   */
  commit(cursor: Json, progress: StepProgress, inTransaction?: (tx: EntityManager) => Promise<void>): Promise<void>;
}

/**
 * `inTransaction` commits together with the end of the step; it may be called again after a rollback. `nextSteps` are steps of
 * the following stage.
 */
export interface StepOutcome {
  readonly nextSteps?: readonly NewStep[];
  readonly progress?: StepProgress;
  readonly inTransaction?: (tx: EntityManager) => Promise<void>;
  /** Of the cleanup stage only: the job's work turned out to be done and seen before it was to fail, so the job succeeds. */
  readonly succeeded?: boolean;
}

/**
 * One kind of job. Its stages run in order; the steps of a stage run in parallel, on any process. The first stage has
 * one step (payload: the job's params). Steps of later stages are those that the stage before returned as `nextSteps`, all
 * together; if it returned none, the stage gets one step with payload null. Every step must be safe to run again.
 */
export interface JobHandler {
  readonly kind: string;
  readonly stages: readonly string[];
  /** Runs as one step after failure or cancellation, before `failed`; it is retried until it works or its attempts are over. */
  readonly cleanupStage: string;
  runStep(step: StepContext): Promise<StepOutcome>;
  /** Before the first step runs (cleanup, for a job cancelled while queued), in the transaction that marks the job begun (the `start` event). */
  started(job: JobView, tx: EntityManager): Promise<void>;
  /** In the transaction that ends the job. */
  succeeded(job: JobView, tx: EntityManager): Promise<void>;
  failed(job: JobView, error: JobError, tx: EntityManager): Promise<void>;
}

/** A job to be run. */
export interface NewJob {
  readonly id: string;
  readonly kind: string;
  readonly projectId: string;
  readonly subjectId: string;
  readonly params: Json;
  readonly rateLimit?: RateLimit | null;
  /** See `JobView.sealed`. */
  readonly sealed?: string | undefined;
}

/** What the API layer asks of the runner. All but `wake` take part in the caller's transaction. */
export interface JobQueue {
  enqueue(tx: EntityManager, job: NewJob): Promise<void>;
  /**
   * Asks for cancellation: the job ends in `failed` with this error after its cleanup, unless its very last step ends before
   * it notices: then it succeeds. A finished job: returns false.
   */
  cancel(tx: EntityManager, jobId: string, error: DomainError): Promise<boolean>;
  /** `paused` and/or `rateLimit` (null removes it). A finished job: returns false. */
  adjust(tx: EntityManager, jobId: string, change: { paused?: boolean; rateLimit?: RateLimit | null }): Promise<boolean>;
  /** Progress of jobs, by job id. */
  progress(jobIds: readonly string[]): Promise<ReadonlyMap<string, JobProgress>>;
  /** The projects' jobs that are unfinished, and those that ended within the last ten seconds; the unfinished ones come last. */
  recent(projectIds: readonly string[]): Promise<readonly RecentJob[]>;
  /** Call after commit: workers look at once instead of at their next poll (on every process, by NOTIFY). */
  wake(): Promise<void>;
}

/** A job that runs, waits, or has just ended. */
export interface RecentJob {
  readonly kind: string;
  readonly projectId: string;
  readonly subjectId: string;
  readonly finished: boolean;
}

/** Injection token of the queue. */
export const JOB_QUEUE = Symbol('JobQueue');

export interface JobProgress {
  readonly state: JobState;
  readonly stage: string;
  readonly paused: boolean;
  /** What limits the job; `shared`: it has no limit of its own, and this is for all such jobs together. Null: nothing. */
  readonly rateLimit: (RateLimit & { readonly shared: boolean }) | null;
  readonly itemsDone: number;
  readonly bytesDone: number;
  /** Steps of the main (longest) stage. */
  readonly stepsDone: number;
  readonly stepsTotal: number;
  /** Milliseconds since the epoch; undefined while queued. */
  readonly startedAt: number | undefined;
}
