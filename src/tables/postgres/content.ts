import { DomainError, TableSchema, schemaToJson } from '../../kernel';
import { Connection, Queryable } from './database';
import { SQL_STATE, sqlState } from './errors';
import { Content, contentTable, contentTableName } from './registry';
import { KeyLayout } from './key-layout';

/** A row of a content exists for readers if it is no delete mark and has not expired. `cutoff` is a parameter or a number: seconds. */
export function isLive(cutoff: string | number): string {
  return `item IS NOT NULL AND (expires_at IS NULL OR expires_at > ${cutoff})`;
}

/** All columns, in the order in which rows are written. */
export function contentColumns(layout: KeyLayout): string[] {
  return ['hash_key', 'range_key', 'item', 'expires_at', 'written_at', ...layout.indexes.map((index) => index.column)];
}

/** What the rows of a native chunk hold, in this order: all columns but the write time, which means nothing elsewhere. */
export function nativeColumns(layout: KeyLayout): string[] {
  return contentColumns(layout).filter((column) => column !== 'written_at');
}

export interface NewContent {
  readonly id: string;
  readonly tableId: string;
  readonly projectId: string;
  readonly schema: TableSchema;
  readonly buildId: string | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Without its primary key, which `addKey` makes once all rows are there. */
  readonly unkeyed?: boolean;
}

/** Registers a content and makes its physical table, without secondary indexes. A build of this id being there, it does nothing: false. */
export async function createContent(tx: Connection, made: NewContent): Promise<boolean> {
  const registered = await tx.query(
    `INSERT INTO magnetodb.table_contents (id, table_id, project_id, build_id, schema, state, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (project_id, build_id) DO NOTHING`,
    [
      made.id,
      made.tableId,
      made.projectId,
      made.buildId,
      JSON.stringify(schemaToJson(made.schema)),
      made.buildId === null ? 'current' : 'building',
      made.now,
    ],
  );
  if (registered.count === 0) return false;
  const columns = [
    'hash_key bytea NOT NULL, range_key bytea NOT NULL, item bytea, expires_at bigint, written_at bigint NOT NULL DEFAULT 0',
    ...new KeyLayout(made.schema).indexes.map((index) => `${index.column} bytea`),
    ...(made.unkeyed ? [] : [PRIMARY_KEY]),
  ];
  await tx.query(`CREATE TABLE ${contentTable(made.id)} (${columns.join(', ')})`);
  return true;
}

const PRIMARY_KEY = 'PRIMARY KEY (hash_key, range_key)';

/** Makes the primary key if it is not there yet. @throws DomainError KeyCollision: two rows have one key */
export async function addKey(tx: Connection, contentId: string): Promise<void> {
  const table = contentTable(contentId);
  const found = await tx.query(`SELECT 1 FROM pg_constraint WHERE conrelid = '${table}'::regclass AND contype = 'p'`);
  if (found.count > 0) return;
  try {
    await tx.query(`ALTER TABLE ${table} ADD ${PRIMARY_KEY}`);
  } catch (error) {
    if (sqlState(error) !== SQL_STATE.uniqueViolation) throw error;
    throw new DomainError('KeyCollision', 'Two different items have one key.');
  }
}

/** Makes the secondary indexes, and the one for the sweep, that are not there yet. */
export async function createIndexes(tx: Connection, contentId: string, schema: TableSchema): Promise<void> {
  const table = contentTable(contentId);
  const name = contentTableName(contentId);
  for (const { column } of new KeyLayout(schema).indexes) {
    await tx.query(
      `CREATE INDEX IF NOT EXISTS ${name}_${column} ON ${table} (hash_key, ${column}, range_key) WHERE ${column} IS NOT NULL`,
    );
  }
  await createExpiryIndex(tx, contentId);
}

/** The sweep's own: of the rows that expire. */
export async function createExpiryIndex(tx: Connection, contentId: string): Promise<void> {
  const name = contentTableName(contentId);
  await tx.query(
    `CREATE INDEX IF NOT EXISTS ${name}_expiry ON ${contentTable(contentId)} (expires_at) WHERE expires_at IS NOT NULL`,
  );
}

/** Of 300 rows each. Three tell how rare a key is, in 5 ms of the restore of any table; ten would take 13 to 20. */
const SAMPLE = 3;

/**
 * Gives the planner statistics of a content that was just loaded, in a moment: from a small sample, and of the columns that are searched. A column list
 * leaves the server's count of changed rows as it is, so that autovacuum comes with the usual sample in its own time.
 */
export async function gatherStatistics(tx: Connection, { sqlName, layout }: Content): Promise<void> {
  const searched = contentColumns(layout).filter((column) => column !== 'item' && column !== 'written_at');
  await tx.query(`SET LOCAL default_statistics_target = ${SAMPLE}; ANALYZE ${sqlName} (${searched.join(', ')})`);
}

/** Hands a content to the sweep, which drops it from `dropAfter` (milliseconds since the epoch) on. */
export async function retireContent(tx: Queryable, contentId: string, dropAfter: number): Promise<void> {
  await tx.query(`UPDATE magnetodb.table_contents SET state = 'retired', drop_after = $2 WHERE id = $1`, [
    contentId,
    dropAfter,
  ]);
}

export interface Usage {
  readonly itemCount: number;
  readonly sizeBytes: number;
}

/** Up to so many rows are counted; beyond, the number is estimated from statistics. */
const COUNTED_ROWS = 1000;
const PAGE_BYTES = 8192;
/** Bytes of a row beside keys and item: header, pointers, times. */
const ROW_OVERHEAD_BYTES = 56;

interface RawUsage {
  readonly rows: number;
  readonly live: number;
  readonly bytes: string | null;
  readonly heap: string;
  readonly toast: string;
  readonly reltuples: number;
  readonly relpages: number;
}

/** Items and bytes of a content: exact for small ones, cheap for all. @param now seconds since the epoch */
export async function measure(db: Queryable, content: Content, now: number): Promise<Usage> {
  const found = await db.query<RawUsage>(
    `SELECT few.*, pg_relation_size(k.oid) AS heap, k.reltuples, k.relpages,
       CASE WHEN k.reltoastrelid = 0 THEN 0 ELSE pg_relation_size(k.reltoastrelid) END AS toast
     FROM pg_class k, (
       SELECT count(*)::int AS rows, count(*) FILTER (WHERE ${isLive('$1')})::int AS live,
         sum(octet_length(hash_key) + octet_length(range_key) + coalesce(octet_length(item), 0)) AS bytes
       FROM (SELECT hash_key, range_key, item, expires_at FROM ${content.sqlName} LIMIT ${COUNTED_ROWS + 1}) first
     ) few WHERE k.oid = '${content.sqlName}'::regclass`,
    [now],
  );
  const row = found.rows[0];
  if (!row) return { itemCount: 0, sizeBytes: 0 };
  const heap = Number(row.heap);
  const sizeBytes = heap + Number(row.toast);
  if (row.rows <= COUNTED_ROWS) return { itemCount: row.live, sizeBytes };
  const byStatistics = row.relpages > 0 && row.reltuples >= 0;
  const estimate = byStatistics
    ? (row.reltuples / row.relpages) * (heap / PAGE_BYTES)
    : sizeBytes / (Number(row.bytes) / row.rows + ROW_OVERHEAD_BYTES);
  return { itemCount: Math.max(row.rows, Math.round(estimate)), sizeBytes };
}
