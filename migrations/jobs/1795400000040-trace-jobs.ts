import { MigrationInterface, QueryRunner } from 'typeorm';

/** The trace of the request that asked for a job goes on in the job, on whichever process. */
export class TraceJobs1795400000040 implements MigrationInterface {
  readonly name = 'TraceJobs1795400000040';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE magnetodb_backup.jobs ADD COLUMN trace_parent text');
    await runner.query(`COMMENT ON COLUMN magnetodb_backup.jobs.trace_parent IS 'W3C traceparent of the request that asked for the job'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE magnetodb_backup.jobs DROP COLUMN trace_parent');
  }
}
