import { MigrationInterface, QueryRunner } from 'typeorm';

/** Credentials of a request, sealed with a key of the deployment's, for as long as a job needs them. */
export class SealCredentials1795500000014 implements MigrationInterface {
  readonly name = 'SealCredentials1795500000014';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE magnetodb_backup.jobs ADD COLUMN sealed text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE magnetodb_backup.jobs DROP COLUMN sealed');
  }
}
