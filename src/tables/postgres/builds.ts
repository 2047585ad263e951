import {
  DecodedItem,
  DomainError,
  TableDescription,
  TableSchema,
  checkSchema,
  newId,
  parseUuid,
  sameStructure,
} from '../../kernel';
import { keyCollision } from '../backend-errors';
import { ExpectedRows, NativePart } from '../native-tables';
import { BuildHandle, OpenBuild, PublishMode, ReadBatches } from '../table-backend';
import {
  addKey,
  createContent,
  createExpiryIndex,
  createIndexes,
  gatherStatistics,
  isLive,
  nativeColumns,
  retireContent,
} from './content';
import { copyBatches } from './copy-in';
import { Connection, Queryable, TransactionOptions } from './database';
import { SQL_STATE, sqlState, tableChanged } from './errors';
import { drainHolders } from './lock-holders';
import {
  Content,
  ContentRow,
  TableRow,
  buildNumber,
  lockBuildExclusive,
  lockBuildShared,
  lockExclusive,
  lockPart,
  partNumber,
  requireNoLock,
} from './registry';
import { RowBatch, StoredRow } from './row-batch';
import { Services, expiryCutoff } from './services';
import { dropRetired } from './sweep';
import { TableAdmin, checkProjectId, checkTableName, insertTable } from './table-admin';

/** Loaded items are older than every write that a table ever sees. */
const LOADED_AT = 0;
/** Of a file of rows, so much goes to the server at once. */
const PIECE_BYTES = 256 * 1024;
/** An index that at most one row in so many goes into costs a load less than the seal's reading all rows for it would. */
const FEW = 50;

/** Contents under construction: built aside, then published in one step. */
export class Builds {
  constructor(
    private readonly services: Services,
    private readonly tables: TableAdmin,
  ) {}

  /** @param rows that a new one is for, which are loaded by part: its primary key comes with the seal */
  async open(projectId: string, buildId: string, schema: TableSchema, rows?: ExpectedRows): Promise<BuildHandle> {
    checkSchema(schema);
    checkProjectId(projectId);
    const { db, registry } = this.services;
    // There already, mostly: every step of a restore opens its build.
    const row = (await registry.findBuild(db, projectId, buildId)) ?? (await this.create(projectId, buildId, schema, rows));
    if (!row) throw tableChanged();
    if (!sameStructure(row.content.schema, schema)) {
      throw new DomainError('ConflictError', 'A build with this id and another structure is there.');
    }
    return { tableId: row.tableId, generation: row.content.id, schema: row.content.schema, buildId, projectId };
  }

  private async create(projectId: string, buildId: string, schema: TableSchema, rows?: ExpectedRows): Promise<ContentRow | undefined> {
    const { db, registry, clock } = this.services;
    return db.transaction({}, async (tx) => {
      const ids = { id: newId(), tableId: newId(), projectId, buildId };
      const created = await createContent(tx, { ...ids, schema, now: clock.now(), unkeyed: rows !== undefined });
      if (created && rows && rows.expiring * FEW <= rows.items) await createExpiryIndex(tx, ids.id);
      return registry.findBuild(tx, projectId, buildId);
    });
  }

  /** As if no item were there yet: one copy of everything. If one is, again batch by batch, with a comparison. */
  async load(build: BuildHandle, part: string, read: ReadBatches, signal?: AbortSignal): Promise<void> {
    try {
      await this.copyPart(build, part, read(), signal);
    } catch (error) {
      if (sqlState(error) !== SQL_STATE.uniqueViolation) throw error;
      for await (const items of read()) {
        signal?.throwIfAborted();
        await this.whileBuilding(build, (tx, content) => compareAndInsert(tx, content, items));
      }
    }
  }

  private async copyPart(
    build: BuildHandle,
    part: string,
    read: AsyncIterable<readonly DecodedItem[]>,
    signal?: AbortSignal,
  ): Promise<void> {
    const batches = read[Symbol.asyncIterator]();
    try {
      // No transaction waits for the first one, which has to be fetched.
      const first = await batches.next();
      if (first.done === true) return;
      const { id } = await this.requireBuild(build);
      // Whoever loads this part besides has lost its lease. Standing still, it would keep the part's keys for as long.
      await drainHolders(this.services.db, partNumber(id, part));
      await this.whileBuilding(
        build,
        (tx, content) => copyBatches(tx, content, LOADED_AT, first.value, batches, signal),
        { prelude: lockPart(id, part), once: true },
      );
    } finally {
      // Not awaited: it may be waiting itself, for what will never come.
      batches.return?.().catch(() => undefined);
    }
  }

  /** A part that is there already is left alone. */
  async loadRows(build: BuildHandle, part: NativePart, signal?: AbortSignal): Promise<void> {
    const { id } = await this.requireBuild(build);
    await drainHolders(this.services.db, partNumber(id, part.id));
    const load = async (tx: Connection, content: Content): Promise<void> => {
      const kept = await tx.query(
        `INSERT INTO magnetodb.build_parts (content_id, part) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
        [content.id, part.id],
      );
      if (kept.count > 0) await copyRows(tx, content, part, signal);
    };
    await this.whileBuilding(build, load, { prelude: lockPart(id, part.id) });
  }

  /** Rows that the build holds, expired ones included. */
  async countRows(build: BuildHandle): Promise<number> {
    const { sqlName } = await this.requireBuild(build);
    return this.services.db.transaction({ maintenance: true }, async (tx) => {
      const found = await tx.query<{ rows: string }>(`SELECT count(*) AS rows FROM ${sqlName}`);
      return Number(found.rows[0]?.rows);
    });
  }

  async seal(build: BuildHandle): Promise<void> {
    const { id } = await this.requireBuild(build);
    await drainHolders(this.services.db, buildNumber(id));
    await this.services.db.transaction({ maintenance: true, prelude: lockBuildExclusive(id) }, async (tx) => {
      const row = await this.services.registry.findContent(tx, id);
      if (row?.state === 'current') return;
      if (row?.state !== 'building') throw tableChanged();
      await addKey(tx, id);
      await createIndexes(tx, id, row.content.schema);
      await gatherStatistics(tx, row.content);
    });
  }

  async publish(build: BuildHandle, name: string, mode: PublishMode): Promise<TableDescription> {
    checkTableName(name);
    const { id } = await this.requireBuild(build);
    await drainHolders(this.services.db, buildNumber(id));
    const ref = { projectId: build.projectId, name };
    const prelude = `${lockExclusive(ref)}; ${lockBuildExclusive(id)}`;
    return this.services.db.transaction({ prelude }, async (tx) => {
      const row = await this.services.registry.findContent(tx, id);
      if (!row || row.projectId !== build.projectId) throw tableChanged();
      const table = await this.services.registry.find(tx, ref);
      if (row.state === 'building') await this.publishNow(tx, { row, table, name, mode });
      else if (table?.content.id !== id) throw tableChanged();
      return this.tables.describeRow(tx, await this.services.registry.require(tx, ref));
    });
  }

  async drop(projectId: string, buildId: string): Promise<string | undefined> {
    const { db, registry, clock } = this.services;
    const found = await registry.findBuild(db, projectId, buildId);
    if (!found) return undefined;
    const { id } = found.content;
    await drainHolders(db, buildNumber(id));
    const now = clock.now();
    const seen = await db.transaction({ maintenance: true, prelude: lockBuildExclusive(id) }, async (tx) => {
      const row = await registry.findContent(tx, id);
      if (row?.state === 'building') await retireContent(tx, id, now);
      return row;
    });
    if (seen?.state === 'building') await dropRetired(db, id, now);
    return seen?.state === 'current' ? seen.tableId : undefined;
  }

  async list(): Promise<OpenBuild[]> {
    const found = await this.services.db.query<{ project_id: string; build_id: string; created_at: string }>(
      `SELECT project_id, build_id, created_at FROM magnetodb.table_contents WHERE state = 'building'`,
    );
    return found.rows.map((row) => ({ projectId: row.project_id, buildId: row.build_id, createdAt: Number(row.created_at) }));
  }

  private async publishNow(
    tx: Connection,
    publication: { row: ContentRow; table: TableRow | undefined; name: string; mode: PublishMode },
  ): Promise<void> {
    const { row, table, name, mode } = publication;
    const { content } = row;
    const now = this.services.clock.now();
    await tx.query(`UPDATE magnetodb.table_contents SET state = 'current' WHERE id = $1`, [content.id]);
    if (mode.mode === 'create') {
      if (table) throw conflict(`Table '${name}' exists.`);
      await insertTable(tx, { id: row.tableId, ref: { projectId: row.projectId, name }, contentId: content.id, now });
      return;
    }
    if (!table || table.id !== mode.tableId)
      throw conflict(`Table '${name}' is no longer the one that was to be restored into.`);
    requireNoLock(table);
    if (mode.mode === 'fill') await this.checkFillable(tx, table, content, mode.generation);
    await tx.query(`UPDATE magnetodb.table_info SET content_id = $2 WHERE id = $1`, [table.id, content.id]);
    await tx.query(`UPDATE magnetodb.table_contents SET table_id = $2 WHERE id = $1`, [content.id, table.id]);
    // Merges into the old content have come to nothing.
    await tx.query(`DELETE FROM magnetodb.table_merges WHERE table_id = $1`, [table.id]);
    const graceMillis = mode.mode === 'replace' ? mode.graceSeconds * 1000 : 0;
    await retireContent(tx, table.content.id, Math.ceil(now + graceMillis));
  }

  private async checkFillable(tx: Connection, table: TableRow, content: Content, generation: string): Promise<void> {
    const { name } = table.ref;
    if (table.content.id !== generation) throw conflict(`Table '${name}' was replaced meanwhile.`);
    if (!sameStructure(table.content.schema, content.schema)) throw conflict(`Table '${name}' has another structure.`);
    const found = await tx.query(`SELECT 1 FROM ${table.content.sqlName} WHERE ${isLive('$1')} LIMIT 1`, [
      expiryCutoff(this.services),
    ]);
    if (found.count > 0) throw conflict(`Table '${name}' is not empty: it has gained items meanwhile.`);
  }

  private async requireBuild(build: BuildHandle): Promise<Content> {
    return (await this.findBuild(this.services.db, build)).content;
  }

  /** Handles come from outside and name contents; what a name means, the registry says. */
  private async findBuild(db: Queryable, build: BuildHandle): Promise<ContentRow> {
    const row = await this.services.registry.findContent(db, build.generation);
    if (!row || row.buildId !== build.buildId || row.projectId !== build.projectId) throw tableChanged();
    return row;
  }

  private async whileBuilding(
    build: BuildHandle,
    work: (tx: Connection, content: Content) => Promise<void>,
    options: Pick<TransactionOptions, 'prelude' | 'once'> = {},
  ): Promise<void> {
    const id = parseUuid(build.generation);
    if (id === undefined) throw tableChanged();
    const prelude = [lockBuildShared(id), options.prelude].filter((each) => each !== undefined).join('; ');
    await this.services.db.transaction({ ...options, maintenance: true, prelude }, async (tx) => {
      const row = await this.findBuild(tx, build);
      if (row.state !== 'building') throw tableChanged();
      await work(tx, row.content);
    });
  }
}

/** Rows in the backend's own format, as they are: their write time is the column's default, older than every write. */
async function copyRows(tx: Connection, content: Content, { file }: NativePart, signal?: AbortSignal): Promise<void> {
  const columns = nativeColumns(content.layout);
  try {
    await tx.copyIn(`COPY ${content.sqlName} (${columns.join(', ')}) FROM STDIN (FORMAT binary)`, inPieces(file), signal);
  } catch (error) {
    // Data exceptions, violated constraints, entries too large for an index: it is the rows that are wrong.
    if (!['22', '23', '54'].includes(sqlState(error)?.slice(0, 2) ?? '')) throw error;
    throw new DomainError('ArchiveDamaged', 'Rows of the native backup do not fit its table.');
  }
}

function* inPieces(file: Buffer): Generator<Buffer> {
  for (let start = 0; start < file.length; start += PIECE_BYTES) yield file.subarray(start, start + PIECE_BYTES);
}

/** Inserts what is not there; what is there must be the same. */
async function compareAndInsert(tx: Connection, content: Content, items: readonly DecodedItem[]): Promise<void> {
  const batch = new RowBatch(content.layout);
  for (const decoded of items) {
    const row: StoredRow = {
      ...content.layout.rowKeysOf(decoded),
      item: decoded.canonical,
      expiresAt: decoded.expiresAt ?? null,
    };
    const earlier = batch.put(row);
    if (earlier && !sameRow(earlier, row)) throw keyCollision(decoded);
  }
  await batch.insertMissing(tx, content, String(LOADED_AT));
  const different = await batch.findDifferent(tx, content, 'true');
  if (different) throw keyCollision({ canonicalKey: content.layout.canonicalKey(different) });
}

export function sameRow(a: StoredRow, b: StoredRow): boolean {
  return a.expiresAt === b.expiresAt && a.item.equals(b.item);
}

function conflict(message: string): DomainError {
  return new DomainError('ConflictError', message);
}
