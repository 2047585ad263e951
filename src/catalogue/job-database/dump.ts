import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Client } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { BACKUP_SCHEMA } from '../../database';
import { DomainError, isoTime } from '../../kernel';
import { PRODUCT_VERSION } from '../../telemetry';
import { DIGEST_PREFIX, END_OF_ROWS, copyStatement, headerLines } from './dump-file';

export interface JobDatabaseDump {
  readonly rows: number;
  readonly migrations: readonly string[];
}

/**
 * Writes everything that the plugin keeps in its job database into a new file, as it was at one moment, while gateways go on working. Not the tables
 * and their items: backups are for these. The file is readable by its owner alone; it holds names and structure, no credentials.
 * @param url `postgresql://…` of the job database
 * @param path of a file that is not there yet
 * @throws DomainError `NotFound`: the database has no such schema; Error of Node or PostgreSQL. No file is left then.
 */
export async function dumpJobDatabase(url: string, path: string): Promise<JobDatabaseDump> {
  const client = new Client({ connectionString: url, application_name: `${BACKUP_SCHEMA}_dump` });
  // A connection that breaks is found out by the next query; unheard, its event would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const migrations = await migrationsOf(client);
    const output = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
    const counted = { rows: 0 };
    try {
      await pipeline(Readable.from(script(client, migrations, counted), { objectMode: false }), createGzip(), output);
    } catch (error) {
      // A file that was there before is not ours to remove.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(path, { force: true });
      throw error;
    }
    return { rows: counted.rows, migrations };
  } finally {
    await client.end();
  }
}

async function* script(client: Client, migrations: readonly string[], counted: { rows: number }): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const seen = (bytes: Buffer): Buffer => {
    hash.update(bytes);
    return bytes;
  };
  yield seen(Buffer.from(headerLines({ created_at: isoTime(Date.now()), writer: PRODUCT_VERSION, migrations })));
  for (const { table, columns } of await tablesIn(client)) {
    yield seen(Buffer.from(`\n${copyStatement(table, columns)}\n`));
    const copy = client.query(copyTo(`COPY ${BACKUP_SCHEMA}.${table} (${columns.join(', ')}) TO STDOUT`));
    for await (const part of copy as AsyncIterable<Buffer>) yield seen(part);
    counted.rows += copy.rowCount;
    yield seen(Buffer.from(`${END_OF_ROWS}\n`));
  }
  yield Buffer.from(`${DIGEST_PREFIX}${hash.digest('hex')}\n`);
}

async function migrationsOf(client: Client): Promise<string[]> {
  const there = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [`${BACKUP_SCHEMA}.migrations`]);
  if (there.rows[0]?.there !== true) throw new DomainError('NotFound', 'there is no job database: no gateway has ever used this PostgreSQL');
  const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${BACKUP_SCHEMA}.migrations ORDER BY "timestamp"`);
  return rows.map(({ name }) => name);
}

interface TableShape {
  readonly table: string;
  readonly columns: readonly string[];
}

/** All tables but the record of migrations, each behind those that it refers to. */
async function tablesIn(client: Client): Promise<TableShape[]> {
  const { rows } = await client.query<TableShape & { needs: string[] }>(
    `SELECT c.relname AS table,
            (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
            coalesce((SELECT array_agg(r.relname::text) FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid
                       WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid), '{}') AS needs
       FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r' AND c.relname <> 'migrations'
      ORDER BY c.relname`,
    [BACKUP_SCHEMA],
  );
  const ordered: TableShape[] = [];
  let left = rows;
  while (left.length > 0) {
    const ready = left.filter(({ needs }) => !left.some(({ table }) => needs.includes(table)));
    if (ready.length === 0) throw new DomainError('InternalError', 'the tables of the job database refer to each other in a circle');
    ordered.push(...ready);
    left = left.filter((each) => !ready.includes(each));
  }
  return ordered;
}
