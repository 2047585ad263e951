import { DataSource, EntityManager, In } from 'typeorm';
import { DomainError } from '../kernel';
import { Logger, currentTraceParent, silentLogger } from '../telemetry';
import type { JobProgress, JobQueue, NewJob, RateLimit, RecentJob, SharedLimit } from './job-handler';
import { announce, beginFailing, insertSteps, rateLimitOf, returning } from './job-rows';
import { JobEntity } from './job.entity';

/** The queue of jobs in the job database. Needs no runner in the same process. */
export class PostgresJobQueue implements JobQueue {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: Logger = silentLogger,
    /** See `JobRunnerOptions`. */
    private readonly sharedLimit?: SharedLimit,
  ) {}

  async enqueue(tx: EntityManager, job: NewJob): Promise<void> {
    await tx.query(
      `INSERT INTO magnetodb_backup.jobs (id, kind, project_id, subject_id, params, bytes_per_second, items_per_second, requests_in_flight, trace_parent, sealed)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        job.id,
        job.kind,
        job.projectId,
        job.subjectId,
        JSON.stringify(job.params),
        job.rateLimit?.bytesPerSecond ?? null,
        job.rateLimit?.itemsPerSecond ?? null,
        job.rateLimit?.requestsInFlight ?? null,
        currentTraceParent() ?? null,
        job.sealed ?? null,
      ],
    );
    if (job.sealed !== undefined) await tx.query('UPDATE magnetodb_backup.grants SET used = true WHERE id = $1', [job.sealed]);
    // A host whose logger knows the request writes its id on this line: so a job is found from a request, and the other way round.
    this.log.info({ job_id: job.id, job_kind: job.kind, subject_id: job.subjectId }, 'a job is asked for');
    await insertSteps(tx, job.id, 0, [{ payload: job.params }]);
    await announce(tx);
  }

  async cancel(tx: EntityManager, jobId: string, error: DomainError): Promise<boolean> {
    if (await beginFailing(tx, jobId, { type: error.code, message: error.message })) return true;
    return isUnfinished(tx, jobId);
  }

  async adjust(tx: EntityManager, jobId: string, change: { paused?: boolean; rateLimit?: RateLimit | null }): Promise<boolean> {
    // A paused job takes no place among the running ones; resumed, it waits for one again.
    const rows = await returning<{ id: string }>(
      tx,
      `UPDATE magnetodb_backup.jobs
          SET paused = coalesce($2, paused),
              state = CASE WHEN paused AND NOT coalesce($2, paused) AND error IS NULL THEN 'queued' ELSE state END,
              bytes_per_second = CASE WHEN $3 THEN $4::bigint ELSE bytes_per_second END,
              items_per_second = CASE WHEN $3 THEN $5::bigint ELSE items_per_second END,
              requests_in_flight = CASE WHEN $3 THEN $6::bigint ELSE requests_in_flight END
        WHERE id = $1 AND state IN ('queued', 'running') RETURNING id`,
      [
        jobId,
        change.paused ?? null,
        change.rateLimit !== undefined,
        change.rateLimit?.bytesPerSecond ?? null,
        change.rateLimit?.itemsPerSecond ?? null,
        change.rateLimit?.requestsInFlight ?? null,
      ],
    );
    await announce(tx);
    return rows.length > 0;
  }

  async progress(jobIds: readonly string[]): Promise<ReadonlyMap<string, JobProgress>> {
    if (jobIds.length === 0) return new Map();
    const jobs = await this.dataSource.manager.findBy(JobEntity, { id: In([...jobIds]) });
    return new Map(
      jobs.map((job): [string, JobProgress] => [
        job.id,
        {
          state: job.state,
          stage: job.stage,
          paused: job.paused,
          rateLimit: this.rateLimitOf(job),
          itemsDone: job.itemsDone,
          bytesDone: job.bytesDone,
          stepsDone: job.stepsDone,
          stepsTotal: job.stepsTotal,
          startedAt: job.startedAt?.getTime(),
        },
      ]),
    );
  }

  private rateLimitOf({ kind, bytesPerSecond, itemsPerSecond, requestsInFlight }: JobEntity): JobProgress['rateLimit'] {
    const own = rateLimitOf({ bytes_per_second: bytesPerSecond, items_per_second: itemsPerSecond, requests_in_flight: requestsInFlight });
    if (own !== null) return { ...own, shared: false };
    const shared = this.sharedLimit?.kinds.includes(kind) === true ? this.sharedLimit.limit() : null;
    return shared && { ...shared, shared: true };
  }

  async recent(projectIds: readonly string[]): Promise<readonly RecentJob[]> {
    const rows: { kind: string; project_id: string; subject_id: string; finished: boolean }[] = await this.dataSource.query(
      `SELECT kind, project_id, subject_id, finished_at IS NOT NULL AS finished FROM magnetodb_backup.jobs
        WHERE (state IN ('queued', 'running') OR finished_at > clock_timestamp() - interval '10 seconds') AND project_id = ANY ($1)
        ORDER BY finished_at NULLS LAST, seq`,
      [projectIds],
    );
    return rows.map((row) => ({
      kind: row.kind,
      projectId: row.project_id,
      subjectId: row.subject_id,
      finished: row.finished,
    }));
  }

  async wake(): Promise<void> {
    await announce(this.dataSource.manager);
  }
}

async function isUnfinished(tx: EntityManager, jobId: string): Promise<boolean> {
  const rows: unknown[] = await tx.query(`SELECT FROM magnetodb_backup.jobs WHERE id = $1 AND state IN ('queued', 'running')`, [jobId]);
  return rows.length > 0;
}
