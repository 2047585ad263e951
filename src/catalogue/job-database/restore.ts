import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { BACKUP_DATA_SOURCE, BACKUP_SCHEMA, remakeSchema } from '../../database';
import { DomainError } from '../../kernel';
import { DumpHeader, DumpedTable, checkDump, copyStatement, tablesOf } from './dump-file';

export interface JobDatabaseRestore {
  readonly header: DumpHeader;
  readonly rows: number;
  /** Backups and restores that ran when the dump was made, and are ended now. */
  readonly ended: number;
}

/**
 * Puts a dump back: the schema is made anew as it was, filled, and brought up to this version. What ran when the dump was made does not go on, since
 * nobody knows what became of it: such backups are CREATE_FAILED (an import makes them CREATED again if they are whole), such restores are cancelled.
 * @param replace also over what is there
 * @throws DomainError `ArchiveDamaged`, `ArchiveUnsupported`; `ConflictError` if a gateway is at work, or if there is something and `replace` is false
 */
export async function restoreJobDatabase(url: string, path: string, options: { readonly replace?: boolean } = {}): Promise<JobDatabaseRestore> {
  const header = await checkDump(path);
  const client = new Client({ connectionString: url, application_name: `${BACKUP_SCHEMA}_restore` });
  // A connection that breaks is found out by the next query; unheard, its event would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const counted = { rows: 0, ended: 0 };
    await remakeSchema(url, header.migrations, {
      before: () => checkFree(client, options.replace ?? false),
      fill: async () => void Object.assign(counted, await load(client, path)),
    });
    return { header, ...counted };
  } finally {
    await client.end();
  }
}

/** Nobody may be at work, and nothing may be lost unasked. */
async function checkFree(client: Client, replace: boolean): Promise<void> {
  const busy = await client.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()`,
    [BACKUP_DATA_SOURCE],
  );
  if (busy.rows.length > 0) throw new DomainError('ConflictError', 'a gateway is at work with this database: stop all gateways first');
  if (replace) return;
  const { rows } = await client.query<{ table: string }>(
    `SELECT quote_ident(c.relname) AS table FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname <> 'migrations'`,
    [BACKUP_SCHEMA],
  );
  for (const { table } of rows) {
    const found = await client.query(`SELECT FROM ${BACKUP_SCHEMA}.${table} LIMIT 1`);
    if (found.rows.length > 0) throw new DomainError('ConflictError', 'the job database is not empty: --replace would overwrite what it holds');
  }
}

/** All or nothing. */
async function load(client: Client, path: string): Promise<{ rows: number; ended: number }> {
  await client.query('BEGIN');
  try {
    let rows = 0;
    for await (const table of tablesOf(path)) rows += await fill(client, table);
    await moveSequences(client);
    const ended = await endWhatRan(client);
    await client.query('COMMIT');
    return { rows, ended };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function fill(client: Client, { table, columns, rows }: DumpedTable): Promise<number> {
  const copy = client.query(copyFrom(copyStatement(table, columns)));
  await pipeline(Readable.from(rows(), { objectMode: false }), copy);
  return copy.rowCount;
}

/** What is numbered from now on must not be numbered like what was put back. */
async function moveSequences(client: Client): Promise<void> {
  const { rows } = await client.query<{ table: string; column: string }>(
    `SELECT table_name AS table, column_name AS column FROM information_schema.columns WHERE table_schema = $1 AND is_identity = 'YES'`,
    [BACKUP_SCHEMA],
  );
  for (const { table, column } of rows) {
    await client.query(
      `SELECT setval(pg_get_serial_sequence('${BACKUP_SCHEMA}.${table}', '${column}'), coalesce(max(${column}), 0) + 1, false) FROM ${BACKUP_SCHEMA}.${table}`,
    );
  }
}

const ENDED = JSON.stringify({ type: 'Cancelled', message: 'The job database was put back from a dump that was made while this ran.' });

/**
 * A backup that ran may have ended since, so its archive is left alone; a restore's cleanup asks the tables what became of it. Deletions and verifications go on:
 * doing them again does no harm.
 */
async function endWhatRan(client: Client): Promise<number> {
  const creating = `SELECT create_job_id FROM ${BACKUP_SCHEMA}.backups WHERE status = 'CREATING'`;
  await client.query(`DELETE FROM ${BACKUP_SCHEMA}.job_steps WHERE job_id IN (${creating})`);
  await client.query(
    `UPDATE ${BACKUP_SCHEMA}.jobs SET state = 'failed', stage = 'cleanup', error = $1, finished_at = clock_timestamp()
      WHERE state IN ('queued', 'running') AND id IN (${creating})`,
    [ENDED],
  );
  const backups = await client.query(
    `UPDATE ${BACKUP_SCHEMA}.backups SET status = 'CREATE_FAILED', restorable = false, error = $1,
            finished_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint WHERE status = 'CREATING'`,
    [ENDED],
  );
  const restores = await client.query(
    `WITH ended AS (
       UPDATE ${BACKUP_SCHEMA}.jobs SET error = $1, stage = 'cleanup', state = 'running'
        WHERE state IN ('queued', 'running') AND error IS NULL AND id IN (SELECT job_id FROM ${BACKUP_SCHEMA}.restores WHERE status = 'RESTORING')
        RETURNING id, stage_index)
     INSERT INTO ${BACKUP_SCHEMA}.job_steps (job_id, stage_index, cleanup, payload) SELECT id, stage_index, true, 'null' FROM ended`,
    [ENDED],
  );
  await client.query(`UPDATE ${BACKUP_SCHEMA}.job_steps SET lease_token = NULL, lease_expires_at = NULL, holder = NULL WHERE lease_token IS NOT NULL`);
  return (backups.rowCount ?? 0) + (restores.rowCount ?? 0);
}
