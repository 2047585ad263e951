import { MigrationInterface, QueryRunner } from 'typeorm';

/** The newest verification of each backup, and what the steps of a running one have proved so far. */
export class VerifyBackups1795400000070 implements MigrationInterface {
  readonly name = 'VerifyBackups1795400000070';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE magnetodb_backup.backups ADD COLUMN verify_job_id uuid, ADD COLUMN verification jsonb`,
    );
    await runner.query(`
      CREATE TABLE magnetodb_backup.verification_proofs (
        job_id uuid NOT NULL REFERENCES magnetodb_backup.jobs ON DELETE CASCADE,
        step_id text NOT NULL,
        digest text NOT NULL,
        PRIMARY KEY (job_id, step_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE magnetodb_backup.verification_proofs');
    await runner.query('ALTER TABLE magnetodb_backup.backups DROP COLUMN verification, DROP COLUMN verify_job_id');
  }
}
