import { createHash } from 'node:crypto';
import { DomainError, TableRef, TableSchema, hasLoneSurrogate, parseUuid, schemaFromJson, tableLocked } from '../../kernel';
import { Queryable } from './database';
import { SQL_STATE, sqlState, tableChanged, tableNotExists } from './errors';
import { KeyLayout } from './key-layout';

export type ContentState = 'building' | 'current' | 'retired';

/** A content, as far as it never changes: its physical table and what the rows mean. */
export interface Content {
  /** Also the `generation` of handles. */
  readonly id: string;
  readonly schema: TableSchema;
  readonly layout: KeyLayout;
  /** The physical table, quoted, with its schema. */
  readonly sqlName: string;
}

export interface TableRow {
  readonly ref: TableRef;
  readonly id: string;
  readonly content: Content;
  readonly createdAt: number;
  /** Milliseconds until the lock's deadline when the row was read, by the server's clock; void if not positive. Null: no lock. */
  readonly lockLeft: number | null;
  /** Who is dropping the table; null: nobody. */
  readonly dropOwner: string | null;
  /**
   * The latest write time of the merges that run (microseconds), null if none does. Ordinary writes must be later than it, even if the
   * server's clock was set back, and deletes leave marks.
   */
  readonly mergeTime: number | null;
}

export interface ContentRow {
  readonly content: Content;
  readonly state: ContentState;
  readonly tableId: string;
  readonly buildId: string | null;
  readonly projectId: string;
}

/** Contents never change, so their schemas are parsed once; so many are kept. */
const MAX_REMEMBERED = 1000;

/** Milliseconds since the epoch. Locks go by this clock alone: those of gateways may differ. */
export const SERVER_NOW = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`;

const TABLE_COLUMNS = `
  t.project_id, t.name, t.id, t.created_at, t.lock_deadline - ${SERVER_NOW} AS lock_left, t.drop_owner, c.id AS content_id, c.schema::text AS schema,
  (SELECT max(m.write_time) FROM magnetodb.table_merges m WHERE m.table_id = t.id) AS merge_time
  FROM magnetodb.table_info t JOIN magnetodb.table_contents c ON c.id = t.content_id`;

interface RawTable {
  readonly project_id: string;
  readonly name: string;
  readonly id: string;
  readonly created_at: string;
  readonly lock_left: string | null;
  readonly drop_owner: string | null;
  readonly content_id: string;
  readonly schema: string;
  readonly merge_time: string | null;
}

interface RawContent {
  readonly id: string;
  readonly schema: string;
  readonly state: ContentState;
  readonly table_id: string;
  readonly build_id: string | null;
  readonly project_id: string;
}

/** Reads the registry of tables and contents. */
export class Registry {
  private readonly contents = new Map<string, Content>();

  async find(db: Queryable, ref: TableRef): Promise<TableRow | undefined> {
    if (!storable(ref.projectId) || !storable(ref.name)) return undefined;
    const text = `SELECT ${TABLE_COLUMNS} WHERE t.project_id = $1 AND t.name = $2`;
    const found = await db.query<RawTable>(text, [ref.projectId, ref.name], 'magnetodb_find_table');
    return found.rows[0] && this.tableRow(found.rows[0]);
  }

  /** @throws DomainError TableNotExistsException */
  async require(db: Queryable, ref: TableRef): Promise<TableRow> {
    const table = await this.find(db, ref);
    if (!table) throw tableNotExists(ref.name);
    return table;
  }

  /** @throws DomainError TableNotExistsException, TableLocked, ResourceInUseException */
  async requireUnlocked(db: Queryable, ref: TableRef): Promise<TableRow> {
    const table = await this.require(db, ref);
    requireNoLock(table);
    return table;
  }

  async findById(db: Queryable, projectId: string, tableId: string): Promise<TableRow | undefined> {
    const id = parseUuid(tableId);
    if (id === undefined || !storable(projectId)) return undefined;
    const found = await db.query<RawTable>(`SELECT ${TABLE_COLUMNS} WHERE t.project_id = $1 AND t.id = $2`, [
      projectId,
      id,
    ]);
    return found.rows[0] && this.tableRow(found.rows[0]);
  }

  /** All tables, or one project's, by project and name. */
  async list(db: Queryable, projectId: string | undefined): Promise<TableRow[]> {
    if (projectId !== undefined && !storable(projectId)) return [];
    const found = await db.query<RawTable>(
      `SELECT ${TABLE_COLUMNS} WHERE $1::text IS NULL OR t.project_id = $1 ORDER BY t.project_id, t.name`,
      [projectId ?? null],
    );
    return found.rows.map((row) => this.tableRow(row));
  }

  async findContent(db: Queryable, generation: string): Promise<ContentRow | undefined> {
    const id = parseUuid(generation);
    return id === undefined ? undefined : this.contentWhere(db, 'id = $1', [id]);
  }

  async findBuild(db: Queryable, projectId: string, buildId: string): Promise<ContentRow | undefined> {
    if (!storable(projectId) || !storable(buildId)) return undefined;
    return this.contentWhere(db, 'project_id = $1 AND build_id = $2', [projectId, buildId]);
  }

  /**
   * The content of a handle, if it can still be read: it is a table's present one, or a build.
   * @throws DomainError TableChanged
   */
  async requireReadable(db: Queryable, generation: string): Promise<Content> {
    return (await this.requireReadableRow(db, generation)).content;
  }

  /** The same, with its state. @throws DomainError TableChanged */
  async requireReadableRow(db: Queryable, generation: string): Promise<ContentRow> {
    const found = await this.findContent(db, generation);
    if (!found || found.state === 'retired') throw tableChanged();
    return found;
  }

  private async contentWhere(
    db: Queryable,
    condition: string,
    values: readonly unknown[],
  ): Promise<ContentRow | undefined> {
    const found = await db.query<RawContent>(
      `SELECT id, schema::text AS schema, state, table_id, build_id, project_id FROM magnetodb.table_contents WHERE ${condition}`,
      values,
    );
    const row = found.rows[0];
    if (!row) return undefined;
    const content = this.content(row.id, row.schema);
    return { content, state: row.state, tableId: row.table_id, buildId: row.build_id, projectId: row.project_id };
  }

  private tableRow(row: RawTable): TableRow {
    return {
      ref: { projectId: row.project_id, name: row.name },
      id: row.id,
      content: this.content(row.content_id, row.schema),
      createdAt: Number(row.created_at),
      lockLeft: row.lock_left === null ? null : Number(row.lock_left),
      dropOwner: row.drop_owner,
      mergeTime: row.merge_time === null ? null : Number(row.merge_time),
    };
  }

  private content(id: string, schemaText: string): Content {
    const known = this.contents.get(id);
    if (known) return known;
    const schema = schemaFromJson(JSON.parse(schemaText));
    const content = { id, schema, layout: new KeyLayout(schema), sqlName: contentTable(id) };
    if (this.contents.size >= MAX_REMEMBERED) this.contents.clear();
    this.contents.set(id, content);
    return content;
  }
}

/** @param contentId a UUID that we made */
export function contentTable(contentId: string): string {
  return `magnetodb_data.${contentTableName(contentId)}`;
}

export function contentTableName(contentId: string): string {
  return `c_${contentId.replaceAll('-', '')}`;
}

export function isLocked({ lockLeft }: TableRow): boolean {
  return lockLeft !== null && lockLeft > 0;
}

/** @throws DomainError TableLocked; ResourceInUseException if the table is being dropped */
export function requireNoLock(table: TableRow): void {
  if (isLocked(table)) throw tableLocked(table.ref.name, (table.lockLeft ?? 0) / 1000);
  if (table.dropOwner !== null) throw new DomainError('ResourceInUseException', `Table '${table.ref.name}' is being deleted.`);
}

/** PostgreSQL's text cannot hold U+0000 nor lone surrogates: such a name is nobody's. */
export function storable(text: string): boolean {
  return !text.includes('\0') && !hasLoneSurrogate(text);
}

/**
 * Advisory locks keep writers apart from whoever swaps or drops a table: each write holds its table's name shared, all
 * others hold it exclusively, and so wait for the writes on their way and are seen by all later ones. MAINTENANCE waits for them, too, but
 * does not queue (see `TableLocks`).
 */
export function lockShared(ref: TableRef): string {
  return `SELECT pg_advisory_xact_lock_shared(${tableNumber(ref)})`;
}

export function lockExclusive(ref: TableRef): string {
  return `SELECT pg_advisory_xact_lock(${tableNumber(ref)})`;
}

/** The number of a table's advisory lock. */
export function tableNumber(ref: TableRef): bigint {
  return lockNumber(`table\0${ref.projectId}\0${ref.name}`);
}

/** Loading holds a build shared; sealing, publishing and dropping it hold it exclusively. */
export function lockBuildShared(contentId: string): string {
  return `SELECT pg_advisory_xact_lock_shared(${buildNumber(contentId)})`;
}

export function lockBuildExclusive(contentId: string): string {
  return `SELECT pg_advisory_xact_lock(${buildNumber(contentId)})`;
}

/** Whoever loads a part of a build holds the part. */
export function lockPart(contentId: string, part: string): string {
  return `SELECT pg_advisory_xact_lock(${partNumber(contentId, part)})`;
}

/** The number of a build's advisory lock. */
export function buildNumber(contentId: string): bigint {
  return lockNumber(`build\0${contentId}`);
}

/** The number of the advisory lock of a build's part. */
export function partNumber(contentId: string, part: string): bigint {
  return lockNumber(`part\0${contentId}\0${part}`);
}

function lockNumber(name: string): bigint {
  return createHash('sha256').update(name).digest().readBigInt64BE(0);
}

const MAX_VANISHINGS = 5;

/**
 * Runs a read that resolves a table and then reads its content, again if the content was dropped in between: reads take no
 * lock, so a swap whose grace is over may overtake them.
 */
export async function retryVanished<T>(read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read();
    } catch (error) {
      if (sqlState(error) !== SQL_STATE.undefinedTable || tries === MAX_VANISHINGS) throw error;
    }
  }
}
