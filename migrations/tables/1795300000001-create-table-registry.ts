import { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The registry of tables kept in PostgreSQL. `table_info` says which tables there are; `table_contents` every physical table
 * ever made and not yet dropped (live ones, builds, replaced ones in their grace), so that none is orphaned; `table_merges`
 * which restores are merging into a table.
 */
export class CreateTableRegistry1795300000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE SCHEMA magnetodb_data`);
    await runner.query(`
      CREATE TABLE magnetodb.table_contents (
        id uuid PRIMARY KEY,
        table_id uuid NOT NULL,
        project_id text COLLATE "C" NOT NULL,
        build_id text COLLATE "C",
        schema json NOT NULL,
        state text NOT NULL CHECK (state IN ('building', 'current', 'retired')),
        drop_after bigint CHECK ((state = 'retired') = (drop_after IS NOT NULL)),
        holds_marks boolean NOT NULL DEFAULT false,
        created_at bigint NOT NULL,
        UNIQUE (project_id, build_id)
      )`);
    await runner.query(`CREATE INDEX ON magnetodb.table_contents (drop_after) WHERE drop_after IS NOT NULL`);
    await runner.query(`
      CREATE TABLE magnetodb.table_info (
        id uuid PRIMARY KEY,
        project_id text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        content_id uuid NOT NULL UNIQUE REFERENCES magnetodb.table_contents (id),
        created_at bigint NOT NULL,
        lock_owner text,
        lock_deadline bigint CHECK ((lock_owner IS NULL) = (lock_deadline IS NULL)),
        UNIQUE (project_id, name)
      )`);
    await runner.query(`
      CREATE TABLE magnetodb.table_merges (
        table_id uuid NOT NULL REFERENCES magnetodb.table_info (id) ON DELETE CASCADE,
        owner text NOT NULL,
        write_time bigint NOT NULL,
        PRIMARY KEY (table_id, owner)
      )`);
    const comments = {
      'table_contents.drop_after': 'milliseconds since the epoch; from then on the sweep may drop it',
      'table_contents.holds_marks': 'deletes have left marks (rows whose item is null)',
      'table_contents.created_at': 'milliseconds since the epoch',
      'table_info.created_at': 'milliseconds since the epoch',
      'table_info.lock_deadline': 'milliseconds since the epoch; the lock is void afterwards',
      'table_merges.write_time': 'microseconds since the epoch, by this server',
    };
    for (const [column, comment] of Object.entries(comments)) {
      await runner.query(`COMMENT ON COLUMN magnetodb.${column} IS '${comment}'`);
    }
  }

  /** Takes every table with it. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE magnetodb.table_merges, magnetodb.table_info, magnetodb.table_contents`);
    await runner.query(`DROP SCHEMA magnetodb_data CASCADE`);
  }
}
