import { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Deliveries that were given up are kept and shown: by an id, with when and why. Every column has a default, so that a process of the
 * version before can go on writing rows beside this one.
 */
export class DeadLetters1795400000060 implements MigrationInterface {
  readonly name = 'DeadLetters1795400000060';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE magnetodb_backup.event_deliveries
        ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
        ADD COLUMN queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ADD COLUMN attempted_at timestamptz,
        ADD COLUMN ended_at timestamptz,
        ADD COLUMN last_error text`);
    await runner.query(`CREATE INDEX event_deliveries_dead ON magnetodb_backup.event_deliveries (id) WHERE state = 'abandoned'`);
    // Its condition keeps the planner from looking for a job's oldest event in it, which has an index of its own (event_deliveries_pending).
    await runner.query(`
      CREATE INDEX event_deliveries_due ON magnetodb_backup.event_deliveries (sender, next_attempt_at)
        WHERE state = 'pending' AND next_attempt_at < 'infinity'`);
    const comments = {
      queued_at: 'giving up is counted from here: when the event happened, or when a dead letter was sent again',
      next_attempt_at: 'also the end of the claim of the process that is sending it',
      attempts: 'counted when a process claims the delivery; tells its claim from later ones',
      ended_at: 'delivered or given up',
    };
    for (const [column, text] of Object.entries(comments)) {
      await runner.query(`COMMENT ON COLUMN magnetodb_backup.event_deliveries.${column} IS '${text}'`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX magnetodb_backup.event_deliveries_due');
    await runner.query('DROP INDEX magnetodb_backup.event_deliveries_dead');
    await runner.query(`
      ALTER TABLE magnetodb_backup.event_deliveries
        DROP COLUMN id, DROP COLUMN queued_at, DROP COLUMN attempted_at, DROP COLUMN ended_at, DROP COLUMN last_error`);
    for (const column of ['next_attempt_at', 'attempts']) {
      await runner.query(`COMMENT ON COLUMN magnetodb_backup.event_deliveries.${column} IS NULL`);
    }
  }
}
