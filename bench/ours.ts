import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { ApiClient } from '../demo/api-client';

/** PostgreSQL channel on which the product says that the state of a job has changed. */
const JOBS_CHANNEL = 'magnetodb_backup_jobs';
/** A job leaves the queue without a word. */
const LOOK_AT_QUEUED_MILLIS = 20;
const LOOK_EVERY_MILLIS = 200;

export interface JobRun {
  /** Until the API says that it is done. */
  readonly seconds: number;
  /** Seconds that each of the job's stages took, by the stage that the job's row showed. */
  readonly stages: Readonly<Record<string, number>>;
  /** Where the archive lies (backups). */
  readonly source: string;
}

export type Format = 'db-agnostic' | 'native';

/** Backs a table up through the REST API. */
export async function backUp(api: ApiClient, databaseUrl: string, table: string, format: Format = 'db-agnostic'): Promise<JobRun> {
  const start = performance.now();
  const { backup_id: id } = await api.createBackup(table, 'bench', format);
  const stages = await watchStages(databaseUrl, id);
  const backup = await api.describeBackup(table, id);
  const seconds = (performance.now() - start) / 1000;
  if (backup.status !== 'CREATED') throw new Error(`the backup ended as ${backup.status}: ${backup.error?.message}`);
  const source = backup.links.find((link) => link.rel === 'location')?.href ?? '';
  return { seconds, stages, source };
}

/** Restores an archive as a new table through the REST API. */
export async function restore(api: ApiClient, databaseUrl: string, table: string, source: string): Promise<JobRun> {
  const start = performance.now();
  const { restore_job_id: id } = await api.createRestore(table, source);
  const stages = await watchStages(databaseUrl, id);
  const job = await api.describeRestore(table, id);
  const seconds = (performance.now() - start) / 1000;
  if (job.status !== 'RESTORED') throw new Error(`the restore ended as ${job.status}: ${job.error?.message}`);
  return { seconds, stages, source };
}

/** Watches the row of the job that works for this backup or restore, as often as something is said of jobs, until it has ended. */
async function watchStages(databaseUrl: string, subjectId: string): Promise<Record<string, number>> {
  const client = new Client({ connectionString: databaseUrl });
  let told = (): void => undefined;
  client.on('notification', () => told());
  await client.connect();
  try {
    await client.query(`LISTEN ${JOBS_CHANNEL}`);
    const stages: Record<string, number> = {};
    let since = performance.now();
    let shown = '';
    for (;;) {
      const news = new Promise<void>((resolve) => (told = resolve));
      const found = await client.query<{ stage: string; ended: boolean }>(
        `SELECT stage, state IN ('succeeded', 'failed') AS ended FROM magnetodb_backup.jobs WHERE subject_id = $1`,
        [subjectId],
      );
      const row = found.rows[0];
      const now = performance.now();
      if (shown !== '') stages[shown] = (stages[shown] ?? 0) + (now - since) / 1000;
      since = now;
      if (row === undefined || row.ended) return stages;
      shown = row.stage;
      await Promise.race([news, delay(shown === 'queued' ? LOOK_AT_QUEUED_MILLIS : LOOK_EVERY_MILLIS, undefined, { ref: false })]);
    }
  } finally {
    await client.end();
  }
}
