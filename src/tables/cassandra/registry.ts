import { types } from 'cassandra-driver';
import { DomainError, TableRef, TableSchema, TableStatus, hasLoneSurrogate, parseUuid, tableLocked } from '../../kernel';
import { tableChanged, tableNotExists } from './errors';
import { Layout, parseInternalName } from './layout';
import { schemaFromRegistry } from './schema-json';
import { Session, Statement, toNumber } from './session';

/** A content, as far as it never changes. */
export interface Content {
  /** Also the `generation` of handles. */
  readonly generation: string;
  readonly projectId: string;
  readonly internalName: string;
  readonly schema: TableSchema;
  readonly layout: Layout;
}

/** A table's row, as it was read. */
export interface TableRow {
  readonly ref: TableRef;
  readonly id: string;
  readonly internalName: string;
  readonly schemaText: string;
  /** As it stands there: `status` of a description is worked out (`statusOf`). */
  readonly rawStatus: string;
  readonly createdAt: number;
  readonly lockOwner: string | null;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly lockDeadline: number | null;
  readonly dropOwner: string | null;
  /** Owner → write time of each merge that runs, microseconds. */
  readonly merges: ReadonlyMap<string, number>;
  /** The server's clock when the row was read, milliseconds. */
  readonly now: number;
}

const COLUMNS = `tenant, name, id, exists, "schema", status, internal_name, creation_date_time, br_created_at, br_lock_owner, br_lock_deadline,
  br_drop_owner, br_merges, toUnixTimestamp(now()) AS now`;
/** Contents never change, so their schemas are parsed once; so many are kept. */
const MAX_REMEMBERED = 1000;
const SEPARATOR = '@';

/** Reads and changes the registry of tables. */
export class Registry {
  private readonly contents = new Map<string, Content>();
  /** Generation → the name of the table that it was last seen at. */
  private readonly names = new Map<string, string>();

  constructor(private readonly session: Session) {}

  async find(ref: TableRef): Promise<TableRow | undefined> {
    if (!storable(ref.projectId) || !storable(ref.name)) return undefined;
    const rows = await this.session.read(`SELECT ${COLUMNS} FROM magnetodb.table_info WHERE tenant = ? AND name = ?`, [ref.projectId, ref.name]);
    const row = rows[0] && tableRow(rows[0]);
    if (row) this.session.heardNow(row.now);
    return row;
  }

  /** @throws DomainError TableNotExistsException */
  async require(ref: TableRef): Promise<TableRow> {
    const row = await this.find(ref);
    if (!row) throw tableNotExists(ref.name);
    return row;
  }

  /** For data calls. @throws DomainError TableNotExistsException, TableLocked, ResourceInUseException */
  async requireOpen(ref: TableRef): Promise<TableRow> {
    const row = await this.require(ref);
    requireOpen(row);
    return row;
  }

  async findById(projectId: string, tableId: string): Promise<TableRow | undefined> {
    const id = parseUuid(tableId);
    if (id === undefined) return undefined;
    return (await this.list(projectId)).find((row) => row.id === id);
  }

  /** All tables, or one project's, by project and name. */
  async list(projectId: string | undefined): Promise<TableRow[]> {
    if (projectId !== undefined && !storable(projectId)) return [];
    const where = projectId === undefined ? '' : 'WHERE tenant = ?';
    const found: TableRow[] = [];
    let pageState: string | undefined;
    do {
      const params = projectId === undefined ? [] : [projectId];
      const page = await this.session.page(`SELECT ${COLUMNS} FROM magnetodb.table_info ${where}`, params, {
        fetchSize: 1000,
        ...(pageState === undefined ? {} : { pageState }),
      });
      for (const raw of page.rows) {
        const row = tableRow(raw);
        if (row) found.push(row);
      }
      pageState = page.pageState;
    } while (pageState !== undefined);
    return found.sort((a, b) => compare(a.ref.projectId, b.ref.projectId) || compare(a.ref.name, b.ref.name));
  }

  /** Names behind `after`, ascending by their bytes. */
  async namesBehind(projectId: string, after: string, limit: number): Promise<string[]> {
    if (!storable(projectId)) return [];
    const query = `SELECT name, id, exists FROM magnetodb.table_info WHERE tenant = ? AND name > ? LIMIT ${limit}`;
    const rows = await this.session.read(query, [projectId, after]);
    return rows.filter((row) => row['id'] !== null).map((row) => String(row['name']));
  }

  /**
   * Changes a table's row if it is still the one that was read, in what is given and in `unless`: columns that must not have changed.
   * @returns was it?
   */
  async change(row: TableRow, changes: Readonly<Record<string, unknown>>, expected: Readonly<Record<string, unknown>> = {}): Promise<boolean> {
    const swap = await this.session.swap(changeOf(row, changes, expected));
    return swap.applied;
  }

  /** Makes a table's row. @returns was the name free? */
  async insert(table: {
    readonly ref: TableRef;
    readonly id: string;
    readonly schema: string;
    readonly internalName: string;
    readonly status: string;
    readonly createdAt: number;
  }): Promise<boolean> {
    const created = new Date(table.createdAt);
    const { applied } = await this.session.swap({
      query: `INSERT INTO magnetodb.table_info (tenant, name, id, exists, "schema", status, internal_name, last_update_date_time,
        creation_date_time, br_created_at) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?) IF NOT EXISTS`,
      params: [
        table.ref.projectId,
        table.ref.name,
        types.Uuid.fromString(table.id),
        table.schema,
        table.status,
        table.internalName,
        created,
        created,
        types.Long.fromNumber(table.createdAt),
      ],
    });
    return applied;
  }

  /** Takes a table's row away if it is still the one that was read. @returns was it? */
  async remove(row: TableRow, expected: Readonly<Record<string, unknown>> = {}): Promise<boolean> {
    const conditions = { id: types.Uuid.fromString(row.id), ...expected };
    const names = Object.keys(conditions);
    const { applied } = await this.session.swap({
      query: `DELETE FROM magnetodb.table_info WHERE tenant = ? AND name = ? IF ${names.map((name) => `${name} = ?`).join(' AND ')}`,
      params: [row.ref.projectId, row.ref.name, ...Object.values(conditions)],
    });
    return applied;
  }

  /** The present content of a table. */
  async contentOf(row: TableRow): Promise<Content> {
    const generation = generationOf(row.internalName, row.ref.projectId);
    this.remember(generation, row.ref.name);
    return this.content(generation, row.schemaText);
  }

  /** The content of that generation, of that structure. @throws DomainError TableChanged: it is no generation */
  async content(generation: string, schemaText: string): Promise<Content> {
    const known = this.contents.get(generation);
    if (known) return known;
    const parsed = parseGeneration(generation);
    if (!parsed) throw tableChanged();
    const schema = schemaFromRegistry(schemaText);
    const { keyspace, table } = parsed;
    const rows = await this.session.read(
      `SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ? AND column_name = 'iname'`,
      [keyspace, table],
    );
    const layout = new Layout(schema, `"${keyspace}"."${table}"`, rows.length > 0);
    const content = { generation, projectId: parsed.projectId, internalName: parsed.internalName, schema, layout };
    if (this.contents.size >= MAX_REMEMBERED) this.contents.clear();
    this.contents.set(generation, content);
    return content;
  }

  /** The table whose present content that generation is; undefined: none's. */
  async findCurrent(generation: string): Promise<TableRow | undefined> {
    const seen = await this.findWhereSeen(generation);
    const parsed = parseGeneration(generation);
    if (seen || !parsed) return seen;
    const found = (await this.list(parsed.projectId)).find((row) => row.internalName === parsed.internalName);
    if (found) this.remember(generation, found.ref.name);
    return found;
  }

  /** The same, if it is the table that it was last seen at. */
  async findWhereSeen(generation: string): Promise<TableRow | undefined> {
    const name = this.names.get(generation);
    const parsed = parseGeneration(generation);
    if (name === undefined || !parsed) return undefined;
    const row = await this.find({ projectId: parsed.projectId, name });
    return row?.internalName === parsed.internalName ? row : undefined;
  }

  private remember(generation: string, name: string): void {
    if (this.names.size >= MAX_REMEMBERED) this.names.clear();
    this.names.set(generation, name);
  }
}

/** The statement of `Registry.change`. */
function changeOf(row: TableRow, changes: Readonly<Record<string, unknown>>, expected: Readonly<Record<string, unknown>>): Statement {
  const assigned = Object.keys(changes).map((name) => `${name} = ?`);
  const conditions = { exists: 1, id: types.Uuid.fromString(row.id), ...expected };
  const conditioned = Object.keys(conditions).map((name) => `${name} = ?`);
  return {
    query: `UPDATE magnetodb.table_info SET ${assigned.join(', ')} WHERE tenant = ? AND name = ? IF ${conditioned.join(' AND ')}`,
    params: [...Object.values(changes), row.ref.projectId, row.ref.name, ...Object.values(conditions)],
  };
}

/** A content's name: which physical table, and whose. */
export function generationOf(internal: string, projectId: string): string {
  return `${internal.replaceAll('"', '')}${SEPARATOR}${projectId}`;
}

/** Content ids are the ids of physical tables. */
export function contentKey(generation: string): string {
  return generation.slice(0, generation.indexOf(SEPARATOR));
}

export function parseGeneration(
  generation: string,
): { projectId: string; internalName: string; keyspace: string; table: string } | undefined {
  const end = generation.indexOf(SEPARATOR);
  const parsed = end < 0 ? undefined : parseInternalName(generation.slice(0, end));
  if (!parsed) return undefined;
  const { keyspace, table } = parsed;
  return { projectId: generation.slice(end + 1), internalName: `"${keyspace}"."${table}"`, keyspace, table };
}

function tableRow(row: types.Row): TableRow | undefined {
  const { id, exists, schema, status, internal_name: internal, name } = row as Readonly<Record<string, unknown>>;
  // A table that MagnetoDB has just begun to make has no physical one yet.
  if (id === null || exists !== 1 || typeof schema !== 'string' || typeof internal !== 'string') return undefined;
  const parsed = parseInternalName(internal);
  if (!parsed) return undefined;
  return {
    ref: { projectId: String(row['tenant']), name: String(name) },
    id: String(id),
    internalName: `"${parsed.keyspace}"."${parsed.table}"`,
    schemaText: schema,
    rawStatus: typeof status === 'string' ? status : 'CREATE_FAILED',
    createdAt: toNumber(row['br_created_at'] ?? row['creation_date_time'] ?? 0),
    lockOwner: textOrNull(row['br_lock_owner']),
    lockDeadline: row['br_lock_deadline'] === null ? null : toNumber(row['br_lock_deadline']),
    dropOwner: textOrNull(row['br_drop_owner']),
    merges: mergesOf(row['br_merges']),
    now: toNumber(row['now']),
  };
}

function mergesOf(cell: unknown): Map<string, number> {
  return cell instanceof Map ? new Map([...cell].map(([owner, time]) => [String(owner), toNumber(time)])) : new Map();
}

function textOrNull(cell: unknown): string | null {
  return typeof cell === 'string' ? cell : null;
}

/** Milliseconds until the lock's deadline; 0: no lock. */
export function lockLeft({ lockOwner, lockDeadline, now }: TableRow): number {
  return lockOwner === null || lockDeadline === null ? 0 : Math.max(0, lockDeadline - now);
}

const STATUSES: readonly TableStatus[] = ['CREATING', 'ACTIVE', 'DELETING', 'CREATE_FAILED', 'DELETE_FAILED'];

export function statusOf(row: TableRow): TableStatus {
  if (row.dropOwner !== null) return 'DELETING';
  if (lockLeft(row) > 0) return 'MAINTENANCE';
  // A lock that ran out: nobody had to be there to say so.
  return STATUSES.find((status) => status === row.rawStatus) ?? 'ACTIVE';
}

/** @throws DomainError TableLocked; ResourceInUseException if the table is being made or deleted */
export function requireOpen(row: TableRow): void {
  const status = statusOf(row);
  if (status === 'ACTIVE') return;
  if (status === 'MAINTENANCE') throw tableLocked(row.ref.name, lockLeft(row) / 1000);
  const what = status === 'CREATING' ? 'being made' : status === 'DELETING' ? 'being deleted' : 'broken';
  throw new DomainError('ResourceInUseException', `Table '${row.ref.name}' is ${what}.`);
}

/** Names that CQL's text can hold, and that are no other's. */
export function storable(text: string): boolean {
  return text !== '' && !text.includes('\0') && !hasLoneSurrogate(text);
}


function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
