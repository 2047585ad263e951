import type { DataSource, EntityManager } from 'typeorm';
import { DomainError } from '../kernel';
import { failPoint } from './fail-point';
import type { JobError, JobHandler, Json, RateLimit, StepOutcome, StepProgress } from './job-handler';
import { JobRow, RateLimitRow, announce, beginFailing, insertSteps, rateLimitOf, returning, viewOf } from './job-rows';
import type { JobSettings } from './job-settings';

/** A step under this process's lease. */
export interface ClaimedStep {
  readonly id: string;
  readonly token: string;
  readonly cleanup: boolean;
  readonly payload: Json;
  readonly cursor: Json;
  readonly attempts: number;
  readonly job: JobRow;
}

/** How a job ended. */
export interface EndedJob {
  readonly state: 'succeeded' | 'failed';
  readonly error: JobError | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** What the watch wants to know of a job whose steps run here. */
export interface JobCondition {
  readonly id: string;
  readonly error: JobError | null;
  readonly paused: boolean;
  readonly rateLimit: RateLimit | null;
  /** Processes that hold steps of it. */
  readonly holders: number;
  /** Processes that hold steps of any job under the shared limit. */
  readonly sharers: number;
}

/** The step is another process's by now, or may be. */
export class LeaseLost extends DomainError {
  constructor() {
    super('ServiceUnavailable', 'the step was given to another process', { transient: true });
  }
}

const LEASE = `clock_timestamp() + $1 * interval '1 millisecond'`;
const IS_MINE = `id = $2 AND lease_token = $3 AND lease_expires_at > clock_timestamp()`;
const OPEN = `NOT s.done AND s.available_at <= clock_timestamp() AND coalesce(s.lease_expires_at <= clock_timestamp(), true)`;
const LEASED = `s.lease_expires_at > clock_timestamp()`;

/**
 * The ledger of jobs and steps: each method is one transaction, fenced by the step's lease. Locks are taken in the order
 * step, then job (a claim waits for no step). Leases are judged by the database's clock alone.
 */
export class StepLedger {
  constructor(
    private readonly dataSource: DataSource,
    private readonly settings: JobSettings,
    /** Id of this process. */
    private readonly holder: string,
  ) {}

  /**
   * Starts queued jobs of these kinds in order of creation, as far as the limits allow. A project at its limit holds up no other; a paused job,
   * nobody. A job of a kind that is not known here waits for a process that knows it (a newer one, say), and takes no place meanwhile.
   */
  async admit(kinds: readonly string[]): Promise<void> {
    // Mostly there are none, and a running job's next stage waits for this.
    const queued: unknown[] = await this.dataSource.query(
      `SELECT FROM magnetodb_backup.jobs WHERE state = 'queued' AND kind = ANY($1) LIMIT 1`,
      [kinds],
    );
    if (queued.length === 0) return;
    await this.dataSource.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtext('magnetodb_backup.admit'))`);
      await tx.query(
        `WITH running AS (
           SELECT project_id, count(*) AS jobs FROM magnetodb_backup.jobs
            WHERE state = 'running' AND (error IS NOT NULL OR NOT paused) GROUP BY project_id
         ), waiting AS (
           SELECT q.id, q.seq, coalesce(r.jobs, 0) + row_number() OVER (PARTITION BY q.project_id ORDER BY q.seq) AS nth
             FROM magnetodb_backup.jobs q LEFT JOIN running r USING (project_id)
            WHERE q.state = 'queued' AND NOT q.paused AND q.kind = ANY($3)
         )
         UPDATE magnetodb_backup.jobs SET state = 'running' WHERE state = 'queued' AND id IN (
           SELECT id FROM waiting WHERE nth <= $1 ORDER BY seq
            LIMIT greatest(0, $2 - (SELECT coalesce(sum(jobs), 0) FROM running)))`,
        [this.settings.jobsPerProject, this.settings.jobsInAll, kinds],
      );
    });
  }

  /**
   * Takes a lease on a step of the job that has the fewest steps running; undefined if there is nothing to do.
   * @param except ids of jobs of which only the cleanup is wanted
   */
  async claim(kinds: readonly string[], except: readonly string[] = []): Promise<ClaimedStep | undefined> {
    const candidates: { id: string }[] = await this.dataSource.query(
      `SELECT j.id FROM magnetodb_backup.jobs j
        WHERE j.state = 'running' AND j.kind = ANY($1) AND (j.error IS NOT NULL OR NOT j.paused AND j.id <> ALL($2))
          AND EXISTS (SELECT FROM magnetodb_backup.job_steps s
                       WHERE s.job_id = j.id AND s.stage_index = j.stage_index AND s.cleanup = (j.error IS NOT NULL) AND ${OPEN})
        ORDER BY (SELECT count(*) FROM magnetodb_backup.job_steps s WHERE s.job_id = j.id AND ${LEASED}), j.seq`,
      [kinds, except],
    );
    for (const candidate of candidates) {
      const step = await this.dataSource.transaction((tx) => this.claimOf(tx, candidate.id));
      if (step !== undefined) return step;
    }
    return undefined;
  }

  private async claimOf(tx: EntityManager, jobId: string): Promise<ClaimedStep | undefined> {
    // The job's lock makes a claim and a cancellation see each other: cleanup starts only when no step runs any more.
    const [job]: JobRow[] = await tx.query(
      `SELECT * FROM magnetodb_backup.jobs
        WHERE id = $1 AND state = 'running' AND (error IS NOT NULL OR NOT paused) FOR NO KEY UPDATE`,
      [jobId],
    );
    if (job === undefined) return undefined;
    const cleanup = job.error !== null;
    if (cleanup) {
      const busy: unknown[] = await tx.query(`SELECT FROM magnetodb_backup.job_steps s WHERE s.job_id = $1 AND ${LEASED} LIMIT 1`, [jobId]);
      if (busy.length > 0) return undefined;
    }
    const rows = await returning<Omit<ClaimedStep, 'job'>>(
      tx,
      `UPDATE magnetodb_backup.job_steps
          SET attempts = attempts + 1, lease_token = gen_random_uuid(), lease_expires_at = ${LEASE}, holder = $2
        WHERE id = (SELECT s.id FROM magnetodb_backup.job_steps s
                     WHERE s.job_id = $3 AND s.stage_index = $4 AND s.cleanup = $5 AND ${OPEN}
                     ORDER BY s.id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, lease_token AS token, cleanup, payload, cursor, attempts`,
      [this.settings.leaseMillis, this.holder, jobId, job.stage_index, cleanup],
    );
    return rows[0] === undefined ? undefined : { ...rows[0], job };
  }

  /** Marks the job as begun if it is not yet, with the handler's `started` in the same transaction. */
  async begin(step: ClaimedStep, handler: JobHandler): Promise<void> {
    if (step.job.started_at !== null) return;
    await this.dataSource.transaction(async (tx) => {
      await this.fence(tx, step);
      const rows = await returning<{ id: string }>(
        tx,
        `UPDATE magnetodb_backup.jobs SET started_at = clock_timestamp(), stage = CASE WHEN error IS NULL THEN $2 ELSE stage END
          WHERE id = $1 AND started_at IS NULL RETURNING id`,
        [step.job.id, handler.stages[0]],
      );
      if (rows.length > 0) await handler.started(viewOf(step.job), tx);
    });
  }

  /** Keeps cursor and progress. Renews the lease. Progress sets the count of attempts back. */
  async commit(step: ClaimedStep, cursor: Json, progress: StepProgress, inTransaction?: (tx: EntityManager) => Promise<void>): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      const rows = await returning<{ id: string }>(
        tx,
        `UPDATE magnetodb_backup.job_steps
            SET lease_expires_at = ${LEASE}, cursor = $4::text::json, attempts = CASE WHEN cursor::text = $4::text THEN attempts ELSE 0 END
          WHERE ${IS_MINE} RETURNING id`,
        [this.settings.leaseMillis, step.id, step.token, JSON.stringify(cursor)],
      );
      if (rows.length === 0) throw new LeaseLost();
      await inTransaction?.(tx);
      await addProgress(tx, step, progress, 0);
      failPoint('job.before-commit');
    });
    failPoint('job.after-commit');
  }

  /**
   * Ends the step, and with it, if it was the last one, its stage or the job. A job whose very last step has ended
   * succeeds, even if it was cancelled a moment ago: its work is done and seen. Says how the job ended, if it did.
   */
  async finish(step: ClaimedStep, handler: JobHandler, outcome: StepOutcome): Promise<EndedJob | undefined> {
    const ended = await this.dataSource.transaction(async (tx) => {
      await this.fence(tx, step);
      await outcome.inTransaction?.(tx);
      const last = step.job.stage_index === handler.stages.length - 1;
      const nextSteps = outcome.nextSteps ?? [];
      if (nextSteps.length > 0 && (last || step.cleanup)) throw new DomainError('InternalError', 'there is no stage for these steps');
      await insertSteps(tx, step.job.id, step.job.stage_index + 1, nextSteps);
      await tx.query(
        `UPDATE magnetodb_backup.job_steps SET done = true, lease_token = NULL, lease_expires_at = NULL, holder = NULL WHERE id = $1`,
        [step.id],
      );
      // The job's row lock comes here: of steps that end together, the later one sees that it is the last.
      const job = await addProgress(tx, step, outcome.progress ?? {}, 1);
      if (step.cleanup) return this.end(tx, handler, job, outcome.succeeded === true ? 'succeeded' : 'failed');
      if (await stageHasOpenSteps(tx, job)) return undefined;
      if (last) return this.end(tx, handler, job, 'succeeded');
      if (job.error === null) await advance(tx, job, handler);
      await announce(tx);
      return undefined;
    });
    if (ended !== undefined) failPoint('job.after-terminal');
    return ended;
  }

  private async end(tx: EntityManager, handler: JobHandler, job: JobRow, state: 'succeeded' | 'failed'): Promise<EndedJob> {
    if (state === 'succeeded') await handler.succeeded(viewOf(job), tx);
    else await handler.failed(viewOf(job), job.error ?? { type: 'InternalError', message: 'the job failed' }, tx);
    await markEnded(tx, job.id, state);
    failPoint('job.before-terminal');
    return endedJob(job, state);
  }

  /** Last resort, when the handler cannot end its job however often it is asked to: nothing stays running for ever. */
  async endWithoutHandler(step: ClaimedStep): Promise<EndedJob> {
    await this.dataSource.transaction(async (tx) => {
      await this.fence(tx, step);
      await markEnded(tx, step.job.id, 'failed');
    });
    return endedJob(step.job, 'failed');
  }

  /** Gives the step back. `countAttempt`: was it a failure, or only interrupted? */
  async release(step: ClaimedStep, options: { countAttempt: boolean; pauseMillis: number }): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      await tx.query(
        `UPDATE magnetodb_backup.job_steps
            SET lease_token = NULL, lease_expires_at = NULL, holder = NULL, available_at = ${LEASE},
                attempts = CASE WHEN $4 THEN attempts ELSE greatest(attempts - 1, 0) END
          WHERE ${IS_MINE}`,
        [options.pauseMillis, step.id, step.token, options.countAttempt],
      );
      await announce(tx);
    });
  }

  /** Gives the step back for good: its job fails. */
  async fail(step: ClaimedStep, error: JobError): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      await this.fence(tx, step);
      await tx.query(
        `UPDATE magnetodb_backup.job_steps SET lease_token = NULL, lease_expires_at = NULL, holder = NULL WHERE id = $1`,
        [step.id],
      );
      await beginFailing(tx, step.job.id, error);
      await announce(tx);
    });
  }

  /** Renews leases; returns the tokens of those that are still ours. */
  async renew(steps: readonly ClaimedStep[]): Promise<{ renewed: ReadonlySet<string>; kept: ReadonlySet<string> }> {
    const tokens = steps.map((step) => step.token);
    // A row that a commit of our own has locked is skipped: that commit renews it.
    const rows = await returning<{ token: string }>(
      this.dataSource.manager,
      `UPDATE magnetodb_backup.job_steps SET lease_expires_at = ${LEASE}
        WHERE id IN (SELECT s.id FROM magnetodb_backup.job_steps s
                      WHERE s.lease_token = ANY($2) AND s.id = ANY($3) AND ${LEASED} FOR UPDATE SKIP LOCKED)
        RETURNING lease_token AS token`,
      [this.settings.leaseMillis, tokens, steps.map((step) => step.id)],
    );
    const renewed = new Set(rows.map((row) => row.token));
    if (renewed.size === steps.length) return { renewed, kept: renewed };
    const held: { token: string }[] = await this.dataSource.query(
      `SELECT s.lease_token AS token FROM magnetodb_backup.job_steps s WHERE s.lease_token = ANY($1) AND s.id = ANY($2) AND ${LEASED}`,
      [tokens, steps.map((step) => step.id)],
    );
    return { renewed, kept: new Set([...renewed, ...held.map((row) => row.token)]) };
  }

  /** @param sharing kinds of jobs that share a limit */
  async conditions(jobIds: readonly string[], sharing: readonly string[]): Promise<JobCondition[]> {
    interface Row extends Omit<JobCondition, 'rateLimit'>, RateLimitRow {}
    const rows: Row[] = await this.dataSource.query(
      `SELECT j.id, j.error, j.paused, j.bytes_per_second, j.items_per_second, j.requests_in_flight,
              (SELECT count(DISTINCT s.holder)::integer FROM magnetodb_backup.job_steps s WHERE s.job_id = j.id AND ${LEASED}) AS holders,
              (SELECT count(DISTINCT s.holder)::integer FROM magnetodb_backup.jobs o JOIN magnetodb_backup.job_steps s ON s.job_id = o.id
                WHERE o.state = 'running' AND o.kind = ANY($2) AND NOT o.paused AND o.bytes_per_second IS NULL AND o.items_per_second IS NULL
                  AND o.requests_in_flight IS NULL AND s.lease_token IS NOT NULL AND ${LEASED}) AS sharers
         FROM magnetodb_backup.jobs j WHERE j.id = ANY($1)`,
      [jobIds, sharing],
    );
    return rows.map((row) => ({
      id: row.id,
      error: row.error,
      paused: row.paused,
      holders: row.holders,
      sharers: row.sharers,
      rateLimit: rateLimitOf(row),
    }));
  }

  /** Forgets jobs that finished long ago. */
  async sweep(): Promise<void> {
    await this.dataSource.query(
      `DELETE FROM magnetodb_backup.jobs WHERE finished_at < clock_timestamp() - $1 * interval '1 millisecond'`,
      [this.settings.retentionMillis],
    );
  }

  /** Locks the step, if it is still ours. */
  private async fence(tx: EntityManager, step: ClaimedStep): Promise<void> {
    const rows = await returning<{ id: string }>(
      tx,
      `UPDATE magnetodb_backup.job_steps SET lease_expires_at = ${LEASE} WHERE ${IS_MINE} RETURNING id`,
      [this.settings.leaseMillis, step.id, step.token],
    );
    if (rows.length === 0) throw new LeaseLost();
  }
}

function endedJob(job: JobRow, state: EndedJob['state']): EndedJob {
  return { state, error: state === 'failed' ? job.error : null, startedAt: (job.started_at ?? job.created_at).getTime() };
}

/** Adds to the job's counters, which locks its row. */
async function addProgress(tx: EntityManager, step: ClaimedStep, progress: StepProgress, stepsDone: number): Promise<JobRow> {
  const rows = await returning<JobRow>(
    tx,
    `UPDATE magnetodb_backup.jobs
        SET items_done = items_done + $2, bytes_done = bytes_done + $3,
            steps_done = steps_done + CASE WHEN stage_index = main_stage_index AND NOT $5 THEN $4::integer ELSE 0 END
      WHERE id = $1 RETURNING *`,
    [step.job.id, progress.items ?? 0, progress.bytes ?? 0, stepsDone, step.cleanup],
  );
  if (rows[0] === undefined) throw new LeaseLost();
  return rows[0];
}

async function stageHasOpenSteps(tx: EntityManager, job: JobRow): Promise<boolean> {
  const rows: unknown[] = await tx.query(
    `SELECT FROM magnetodb_backup.job_steps WHERE job_id = $1 AND stage_index = $2 AND NOT done AND NOT cleanup LIMIT 1`,
    [job.id, job.stage_index],
  );
  return rows.length > 0;
}

/** The next stage: its steps are there already, or it has one without payload. */
async function advance(tx: EntityManager, job: JobRow, handler: JobHandler): Promise<void> {
  const next = job.stage_index + 1;
  const [row]: { steps: number }[] = await tx.query(
    `SELECT count(*)::integer AS steps FROM magnetodb_backup.job_steps WHERE job_id = $1 AND stage_index = $2`,
    [job.id, next],
  );
  const steps = row?.steps ?? 0;
  if (steps === 0) await insertSteps(tx, job.id, next, [{ payload: null }]);
  await tx.query(
    `UPDATE magnetodb_backup.jobs SET stage_index = $2, stage = $3,
            main_stage_index = CASE WHEN $4 > steps_total THEN $2 ELSE main_stage_index END,
            steps_done = CASE WHEN $4 > steps_total THEN 0 ELSE steps_done END,
            steps_total = greatest($4, steps_total)
      WHERE id = $1`,
    [job.id, next, handler.stages[next], Math.max(steps, 1)],
  );
}

async function markEnded(tx: EntityManager, jobId: string, state: 'succeeded' | 'failed'): Promise<void> {
  await tx.query(
    `UPDATE magnetodb_backup.jobs
        SET state = $2, finished_at = clock_timestamp(), sealed = NULL, error = CASE WHEN $2 = 'succeeded' THEN NULL ELSE error END
      WHERE id = $1`,
    [jobId, state],
  );
  await tx.query(`DELETE FROM magnetodb_backup.job_steps WHERE job_id = $1`, [jobId]);
  await announce(tx);
}
