/** Settings of a runner. Those about time that concern several processes are judged by the database's clock. */
export interface JobSettings {
  /** Steps that this process works on at the same time. */
  readonly stepsPerProcess: number;
  /** Jobs of one project that run at the same time; more of them wait in order. Alike on every process. */
  readonly jobsPerProject: number;
  /** Jobs that run at the same time in all. Alike on every process. */
  readonly jobsInAll: number;
  /** A step whose process has said nothing for so long may be taken by another. Renewed three times as often. */
  readonly leaseMillis: number;
  /** How often to look without being woken. */
  readonly pollMillis: number;
  /** Times that a step is begun without any progress before its job fails. */
  readonly maxAttempts: number;
  /** Pause before the second attempt; doubled for each further one, up to `maxBackoffMillis`. */
  readonly backoffMillis: number;
  readonly maxBackoffMillis: number;
  /** A step that neither commits nor throttles for so long is aborted, and counts as failed. */
  readonly stallMillis: number;
  /** How long a step of a paused job waits where it is before it gives its place to another job's. */
  readonly pauseYieldMillis: number;
  /** How long `stop` waits for steps to end; leases of the rest run out. */
  readonly drainMillis: number;
  /** Finished jobs are kept for so long. */
  readonly retentionMillis: number;
}

export const DEFAULT_JOB_SETTINGS: JobSettings = {
  stepsPerProcess: 4,
  jobsPerProject: 4,
  jobsInAll: 16,
  leaseMillis: 30_000,
  pollMillis: 1000,
  maxAttempts: 5,
  backoffMillis: 1000,
  maxBackoffMillis: 60_000,
  stallMillis: 2 * 3_600_000,
  pauseYieldMillis: 5000,
  drainMillis: 10_000,
  retentionMillis: 7 * 86_400_000,
};
