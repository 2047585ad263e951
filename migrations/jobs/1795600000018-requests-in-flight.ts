import { MigrationInterface, QueryRunner } from 'typeorm';

/** A job's limit may also say how many requests to its table's backend are on their way at once. */
export class RequestsInFlight1795600000018 implements MigrationInterface {
  readonly name = 'RequestsInFlight1795600000018';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE magnetodb_backup.jobs ADD COLUMN requests_in_flight bigint CHECK (requests_in_flight > 0)');
    await runner.query(`COMMENT ON COLUMN magnetodb_backup.jobs.requests_in_flight IS 'Requests to the backend of the job''s table at once; null: not limited'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE magnetodb_backup.jobs DROP COLUMN requests_in_flight');
  }
}
