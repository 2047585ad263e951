import { MigrationInterface, QueryRunner } from 'typeorm';

/** Protection of backups against deletion, restores of a part, settings of tables and projects, drops that wait for their backup. */
export class GuardData1795400000050 implements MigrationInterface {
  readonly name = 'GuardData1795400000050';

  async up(runner: QueryRunner): Promise<void> {
    // With a default, so that processes of the version before can go on inserting.
    await runner.query(`ALTER TABLE magnetodb_backup.backups ADD COLUMN delete_protection boolean NOT NULL DEFAULT false`);
    // json, not jsonb: a hash key may hold U+0000.
    await runner.query(
      `ALTER TABLE magnetodb_backup.restores ADD COLUMN part json, ADD COLUMN items_restored bigint, ADD COLUMN items_left_out bigint`,
    );
    await runner.query(`ALTER TABLE magnetodb_backup.restore_proofs ADD COLUMN read_digest text`);
    await runner.query(`
      CREATE TABLE magnetodb_backup.project_settings (
        project_id text COLLATE "C" PRIMARY KEY,
        backup_before_drop boolean NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE magnetodb_backup.table_settings (
        project_id text COLLATE "C" NOT NULL,
        table_id uuid NOT NULL,
        backup_before_drop boolean NOT NULL,
        PRIMARY KEY (project_id, table_id)
      )`);
    await runner.query(`
      CREATE TABLE magnetodb_backup.table_drops (
        id uuid PRIMARY KEY,
        project_id text COLLATE "C" NOT NULL,
        table_name text COLLATE "C" NOT NULL,
        table_id uuid NOT NULL,
        backup_id uuid NOT NULL,
        job_id uuid NOT NULL,
        status text NOT NULL CHECK (status IN ('BACKING_UP', 'DROPPING', 'RELEASING')),
        error json,
        started_at bigint NOT NULL,
        UNIQUE (project_id, table_id)
      )`);
    await comment(runner, 'restores.part', 'what of the backup is restored; null: all of it');
    await comment(runner, 'restore_proofs.read_digest', 'of a part: what was read; null: what was written and what was skipped');
    await comment(runner, 'table_drops.job_id', 'the job that works on it now');
    await comment(runner, 'table_drops.started_at', 'milliseconds since the epoch');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['table_drops', 'table_settings', 'project_settings']) await runner.query(`DROP TABLE magnetodb_backup.${table}`);
    await runner.query(`ALTER TABLE magnetodb_backup.restore_proofs DROP COLUMN read_digest`);
    await runner.query(
      `ALTER TABLE magnetodb_backup.restores DROP COLUMN part, DROP COLUMN items_restored, DROP COLUMN items_left_out`,
    );
    await runner.query(`ALTER TABLE magnetodb_backup.backups DROP COLUMN delete_protection`);
  }
}

async function comment(runner: QueryRunner, column: string, text: string): Promise<void> {
  await runner.query(`COMMENT ON COLUMN magnetodb_backup.${column} IS '${text}'`);
}
