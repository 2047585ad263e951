import type { EntityManager } from 'typeorm';
import type { JobError, JobView, Json, NewStep, RateLimit } from './job-handler';

/** PostgreSQL channel on which a change in the queue is announced at commit. */
export const JOBS_CHANNEL = 'magnetodb_backup_jobs';

/** A job as SQL gives it. */
export interface JobRow {
  readonly id: string;
  readonly kind: string;
  readonly project_id: string;
  readonly subject_id: string;
  readonly params: Json;
  readonly stage_index: number;
  readonly error: JobError | null;
  readonly trace_parent: string | null;
  readonly sealed: string | null;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly steps_total: number;
}

/** A job's own limit as SQL gives it. */
export interface RateLimitRow {
  readonly bytes_per_second: string | number | null;
  readonly items_per_second: string | number | null;
  readonly requests_in_flight: string | number | null;
}

/** Null: it has none of its own. */
export function rateLimitOf(row: RateLimitRow): RateLimit | null {
  const limit = {
    ...(row.bytes_per_second === null ? {} : { bytesPerSecond: Number(row.bytes_per_second) }),
    ...(row.items_per_second === null ? {} : { itemsPerSecond: Number(row.items_per_second) }),
    ...(row.requests_in_flight === null ? {} : { requestsInFlight: Number(row.requests_in_flight) }),
  };
  return Object.keys(limit).length === 0 ? null : limit;
}

export function viewOf(row: JobRow): JobView {
  return {
    id: row.id,
    kind: row.kind,
    projectId: row.project_id,
    subjectId: row.subject_id,
    params: row.params,
    sealed: row.sealed ?? undefined,
    createdAt: row.created_at.getTime(),
    traceParent: row.trace_parent ?? undefined,
  };
}

/** Runs an UPDATE or DELETE with RETURNING. (TypeORM answers these with rows and their number.) */
export async function returning<Row>(tx: EntityManager, sql: string, parameters: unknown[]): Promise<Row[]> {
  const [rows]: [Row[], number] = await tx.query(sql, parameters);
  return rows;
}

/** Wakes the workers of every process when the transaction commits. */
export async function announce(tx: EntityManager): Promise<void> {
  await tx.query('SELECT pg_notify($1, $2)', [JOBS_CHANNEL, '']);
}

export async function insertSteps(tx: EntityManager, jobId: string, stageIndex: number, steps: readonly NewStep[]): Promise<void> {
  if (steps.length === 0) return;
  await tx.query(
    `INSERT INTO magnetodb_backup.job_steps (job_id, stage_index, payload)
     SELECT $1, $2, value FROM json_array_elements($3::json) WITH ORDINALITY AS step (value, nth) ORDER BY nth`,
    [jobId, stageIndex, JSON.stringify(steps.map((step) => step.payload))],
  );
}

/**
 * Lets an unfinished job end in `failed` with this error, after its cleanup. False if it is finished, or to fail already
 * (its first error stays). Works on queued jobs too: cleanup waits for no place among the running jobs.
 */
export async function beginFailing(tx: EntityManager, jobId: string, error: JobError): Promise<boolean> {
  const rows = await returning<{ stage_index: number }>(
    tx,
    `UPDATE magnetodb_backup.jobs SET error = $2, stage = 'cleanup', state = 'running'
      WHERE id = $1 AND state IN ('queued', 'running') AND error IS NULL RETURNING stage_index`,
    [jobId, JSON.stringify(error)],
  );
  const job = rows[0];
  if (job === undefined) return false;
  await tx.query(
    `INSERT INTO magnetodb_backup.job_steps (job_id, stage_index, cleanup, payload) VALUES ($1, $2, true, 'null')`,
    [jobId, job.stage_index],
  );
  await announce(tx);
  return true;
}
