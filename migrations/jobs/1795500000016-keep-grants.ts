import { MigrationInterface, QueryRunner } from 'typeorm';

/** What jobs hold that has to be given back once no job holds it any more: Keystone trusts. */
export class KeepGrants1795500000016 implements MigrationInterface {
  readonly name = 'KeepGrants1795500000016';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE magnetodb_backup.grants (
        id text PRIMARY KEY,
        used boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
      )`);
    await runner.query('CREATE INDEX jobs_sealed ON magnetodb_backup.jobs (sealed) WHERE sealed IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX magnetodb_backup.jobs_sealed');
    await runner.query('DROP TABLE magnetodb_backup.grants');
  }
}
