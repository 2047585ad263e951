import { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs and their ledger of steps (docs/adr/0003-jobs.md). */
export class CreateJobs1795300000003 implements MigrationInterface {
  readonly name = 'CreateJobs1795300000003';

  async up(runner: QueryRunner): Promise<void> {
    // json, not jsonb: texts inside keep every character, and numbers every digit.
    await runner.query(`
      CREATE TABLE magnetodb_backup.jobs (
        id uuid PRIMARY KEY,
        seq bigint GENERATED ALWAYS AS IDENTITY,
        kind text NOT NULL,
        project_id text COLLATE "C" NOT NULL,
        subject_id uuid NOT NULL,
        params json NOT NULL,
        state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
        stage text NOT NULL DEFAULT 'queued',
        stage_index integer NOT NULL DEFAULT 0,
        error json,
        paused boolean NOT NULL DEFAULT false,
        bytes_per_second bigint CHECK (bytes_per_second > 0),
        items_per_second bigint CHECK (items_per_second > 0),
        items_done bigint NOT NULL DEFAULT 0,
        bytes_done bigint NOT NULL DEFAULT 0,
        main_stage_index integer NOT NULL DEFAULT -1,
        steps_done integer NOT NULL DEFAULT 0,
        steps_total integer NOT NULL DEFAULT 0,
        created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
        started_at timestamptz(3),
        finished_at timestamptz(3),
        CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed'))),
        CHECK (state <> 'queued' OR error IS NULL)
      )`);
    await runner.query(
      `CREATE INDEX jobs_unfinished ON magnetodb_backup.jobs (state, seq) WHERE state IN ('queued', 'running')`,
    );
    await runner.query(`CREATE INDEX jobs_finished ON magnetodb_backup.jobs (finished_at) WHERE finished_at IS NOT NULL`);
    await runner.query(`
      CREATE TABLE magnetodb_backup.job_steps (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job_id uuid NOT NULL REFERENCES magnetodb_backup.jobs ON DELETE CASCADE,
        stage_index integer NOT NULL,
        cleanup boolean NOT NULL DEFAULT false,
        payload json NOT NULL,
        cursor json NOT NULL DEFAULT 'null',
        done boolean NOT NULL DEFAULT false,
        attempts integer NOT NULL DEFAULT 0,
        available_at timestamptz NOT NULL DEFAULT '-infinity',
        lease_token uuid,
        lease_expires_at timestamptz,
        holder uuid,
        CHECK ((lease_token IS NULL) = (lease_expires_at IS NULL)),
        CHECK ((lease_token IS NULL) = (holder IS NULL)),
        CHECK (NOT done OR lease_token IS NULL)
      )`);
    await runner.query(
      `CREATE INDEX job_steps_open ON magnetodb_backup.job_steps (job_id, stage_index, id) WHERE NOT done`,
    );
    await runner.query(`CREATE INDEX job_steps_by_job ON magnetodb_backup.job_steps (job_id)`);
    await runner.query(
      `CREATE INDEX job_steps_leased ON magnetodb_backup.job_steps (job_id) WHERE lease_token IS NOT NULL`,
    );
    await runner.query(
      `CREATE UNIQUE INDEX job_steps_one_cleanup ON magnetodb_backup.job_steps (job_id) WHERE cleanup`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE magnetodb_backup.job_steps');
    await runner.query('DROP TABLE magnetodb_backup.jobs');
  }
}
