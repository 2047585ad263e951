import { MigrationInterface, QueryRunner } from 'typeorm';

/** The catalogue of backups, the ledger of their objects, restore jobs with their proofs, and clients' request tokens. */
export class CreateBackups1795300000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await createBackupTables(runner);
    await createRestoreTables(runner);
    await runner.query(`
      CREATE TABLE magnetodb_backup.request_tokens (
        project_id text COLLATE "C" NOT NULL,
        kind text NOT NULL CHECK (kind IN ('backup', 'restore')),
        token_hash text COLLATE "C" NOT NULL,
        fingerprint text NOT NULL,
        resource_id uuid NOT NULL,
        created_at bigint NOT NULL,
        PRIMARY KEY (project_id, kind, token_hash)
      )`);
    await runner.query(
      `CREATE INDEX request_tokens_by_age ON magnetodb_backup.request_tokens (project_id, created_at)`,
    );
    await comment(runner, 'request_tokens.token_hash', 'SHA-256 of the client_request_token');
    await comment(runner, 'request_tokens.fingerprint', 'HMAC-SHA-256 of the canonical body under the token');
    await comment(runner, 'request_tokens.created_at', 'milliseconds since the epoch');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['request_tokens', 'restore_proofs', 'restores', 'backup_objects', 'backups']) {
      await runner.query(`DROP TABLE magnetodb_backup.${table}`);
    }
  }
}

async function createBackupTables(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE magnetodb_backup.backups (
      project_id text COLLATE "C" NOT NULL,
      id uuid NOT NULL,
      name text NOT NULL,
      table_id uuid NOT NULL,
      table_name text COLLATE "C" NOT NULL,
      status text NOT NULL CHECK (status IN ('CREATING', 'CREATED', 'CREATE_FAILED', 'DELETING', 'DELETE_FAILED')),
      strategy jsonb NOT NULL,
      location_url text NOT NULL,
      internal boolean NOT NULL,
      imported boolean NOT NULL,
      create_job_id uuid,
      delete_job_id uuid,
      started_at bigint NOT NULL,
      finished_at bigint,
      error jsonb,
      item_count bigint,
      size_bytes bigint,
      table_size_bytes bigint,
      items_estimate bigint,
      format_version integer,
      base_backup_id uuid,
      last_verified_at bigint,
      restorable boolean,
      locked_milliseconds bigint,
      PRIMARY KEY (project_id, id)
    )`);
  await runner.query(`CREATE INDEX backups_by_table_name ON magnetodb_backup.backups (project_id, table_name, id)`);
  await runner.query(`CREATE INDEX backups_by_table_id ON magnetodb_backup.backups (project_id, table_id, id)`);
  await comment(runner, 'backups.started_at', 'milliseconds since the epoch, as all times here');
  await comment(runner, 'backups.location_url', 'root of the archive, without secrets');
  await comment(runner, 'backups.size_bytes', 'bytes of all chunks as stored');
  await comment(runner, 'backups.table_size_bytes', 'bytes of all items as JSON lines, before compression');
  await runner.query(`
    CREATE TABLE magnetodb_backup.backup_objects (
      backup_id uuid NOT NULL,
      name text COLLATE "C" NOT NULL,
      entry jsonb,
      range_index integer,
      digest text,
      PRIMARY KEY (backup_id, name)
    )`);
  await comment(runner, 'backup_objects.entry', 'null while the object is only intended');
}

async function createRestoreTables(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE magnetodb_backup.restores (
      id uuid PRIMARY KEY,
      project_id text COLLATE "C" NOT NULL,
      table_name text COLLATE "C" NOT NULL,
      table_id uuid,
      target_table_id uuid,
      backup_id uuid,
      status text NOT NULL CHECK (status IN ('RESTORING', 'RESTORED', 'RESTORE_FAILED')),
      source_url text NOT NULL,
      on_existing text NOT NULL CHECK (on_existing IN ('fail', 'replace', 'merge')),
      format text,
      format_reason text,
      job_id uuid NOT NULL,
      started_at bigint NOT NULL,
      finished_at bigint,
      error jsonb,
      items_total bigint
    )`);
  for (const column of ['table_name', 'table_id', 'target_table_id']) {
    await runner.query(`CREATE INDEX restores_by_${column} ON magnetodb_backup.restores (project_id, ${column}, id)`);
  }
  await runner.query(`CREATE INDEX restores_by_project ON magnetodb_backup.restores (project_id, id)`);
  await runner.query(`
    CREATE UNIQUE INDEX restores_one_running_per_table ON magnetodb_backup.restores (project_id, table_name)
      WHERE status = 'RESTORING'`);
  await comment(runner, 'restores.started_at', 'milliseconds since the epoch, as all times here');
  await runner.query(`
    CREATE TABLE magnetodb_backup.restore_proofs (
      restore_id uuid NOT NULL,
      phase text NOT NULL,
      step_id text NOT NULL,
      digest text NOT NULL,
      skipped_digest text,
      PRIMARY KEY (restore_id, phase, step_id)
    )`);
}

async function comment(runner: QueryRunner, column: string, text: string): Promise<void> {
  await runner.query(`COMMENT ON COLUMN magnetodb_backup.${column} IS '${text}'`);
}
