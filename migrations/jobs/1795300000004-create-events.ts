import { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateEvents1795300000004 implements MigrationInterface {
  readonly name = 'CreateEvents1795300000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE magnetodb_backup.events (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        message_id uuid NOT NULL,
        job_id uuid NOT NULL,
        operation text NOT NULL,
        phase text NOT NULL CHECK (phase IN ('start', 'end', 'error')),
        publisher_id text NOT NULL,
        created_at timestamptz(3) NOT NULL,
        payload json NOT NULL
      )`);
    // One start and one terminal event (end or error) of each job and operation, whatever the code does.
    await runner.query(`CREATE UNIQUE INDEX events_one_of_each ON magnetodb_backup.events (job_id, operation, (phase = 'start'))`);
    await runner.query(`CREATE INDEX events_by_age ON magnetodb_backup.events (created_at)`);
    await runner.query(`
      CREATE TABLE magnetodb_backup.event_deliveries (
        event_seq bigint NOT NULL REFERENCES magnetodb_backup.events ON DELETE CASCADE,
        sender text NOT NULL,
        job_id uuid NOT NULL,
        state text NOT NULL CHECK (state IN ('pending', 'delivered', 'abandoned')),
        attempts integer NOT NULL,
        next_attempt_at timestamptz NOT NULL,
        PRIMARY KEY (event_seq, sender)
      )`);
    await runner.query(
      `CREATE INDEX event_deliveries_pending ON magnetodb_backup.event_deliveries (sender, job_id, event_seq) WHERE state = 'pending'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE magnetodb_backup.event_deliveries');
    await runner.query('DROP TABLE magnetodb_backup.events');
  }
}
