import { setImmediate as otherCalls } from 'node:timers/promises';
import {
  DecodedItem,
  DomainError,
  TableDescription,
  TableSchema,
  checkItemFits,
  checkSchema,
  newId,
  parseUuid,
  sameStructure,
} from '../../kernel';
import { BuildHandle, PublishMode } from '../table-backend';
import { BinaryCopyWriter } from './binary-format';
import { contentColumns, createContent, createIndexes, isLive, retireContent } from './content';
import { Connection, Queryable } from './database';
import { SQL_STATE, sqlState, tableChanged } from './errors';
import { Content, ContentRow, TableRow, lockBuildExclusive, lockBuildShared, lockExclusive, requireNoLock } from './registry';
import { RowBatch, StoredRow } from './row-batch';
import { Services, expiryCutoff } from './services';
import { dropRetired } from './sweep';
import { TableAdmin, checkProjectId, checkTableName, insertTable } from './table-admin';

/** Loaded items are older than every write that a table ever sees. */
const LOADED_AT = 0;
/** Rows encoded before other calls of this process have their turn: about a millisecond. */
const ROWS_AT_ONCE = 500;

/** Contents under construction: built aside, then published in one step. */
export class Builds {
  constructor(
    private readonly services: Services,
    private readonly tables: TableAdmin,
  ) {}

  async open(projectId: string, buildId: string, schema: TableSchema): Promise<BuildHandle> {
    checkSchema(schema);
    checkProjectId(projectId);
    const { db, registry, clock } = this.services;
    const row = await db.transaction({}, async (tx) => {
      await createContent(tx, { id: newId(), tableId: newId(), projectId, schema, buildId, now: clock.now() });
      return registry.findBuild(tx, projectId, buildId);
    });
    if (!row) throw tableChanged();
    if (!sameStructure(row.content.schema, schema)) {
      throw new DomainError('ConflictError', 'A build with this id and another structure is there.');
    }
    return { tableId: row.tableId, generation: row.content.id, schema: row.content.schema, buildId, projectId };
  }

  /** As if no item were there yet; if one is, again with a comparison. */
  async load(build: BuildHandle, items: readonly DecodedItem[]): Promise<void> {
    if (items.length === 0) return;
    try {
      await this.whileBuilding(build, (tx, content) => copyItems(tx, content, items));
    } catch (error) {
      if (sqlState(error) !== SQL_STATE.uniqueViolation) throw error;
      await this.whileBuilding(build, (tx, content) => compareAndInsert(tx, content, items));
    }
  }

  async seal(build: BuildHandle): Promise<void> {
    const { id } = await this.requireBuild(build);
    await this.services.db.transaction({ maintenance: true, prelude: lockBuildExclusive(id) }, async (tx) => {
      const row = await this.services.registry.findContent(tx, id);
      if (row?.state === 'current') return;
      if (row?.state !== 'building') throw tableChanged();
      await createIndexes(tx, id, row.content.schema);
      await tx.query(`ANALYZE ${row.content.sqlName}`);
    });
  }

  async publish(build: BuildHandle, name: string, mode: PublishMode): Promise<TableDescription> {
    checkTableName(name);
    const { id } = await this.requireBuild(build);
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
    const now = clock.now();
    const seen = await db.transaction({ maintenance: true, prelude: lockBuildExclusive(id) }, async (tx) => {
      const row = await registry.findContent(tx, id);
      if (row?.state === 'building') await retireContent(tx, id, now);
      return row;
    });
    if (seen?.state === 'building') await dropRetired(db, id, now);
    return seen?.state === 'current' ? seen.tableId : undefined;
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
  ): Promise<void> {
    const id = parseUuid(build.generation);
    if (id === undefined) throw tableChanged();
    await this.services.db.transaction({ maintenance: true, prelude: lockBuildShared(id) }, async (tx) => {
      const row = await this.findBuild(tx, build);
      if (row.state !== 'building') throw tableChanged();
      await work(tx, row.content);
    });
  }
}

async function copyItems(tx: Connection, content: Content, items: readonly DecodedItem[]): Promise<void> {
  const { layout, schema } = content;
  const writer = new BinaryCopyWriter();
  for (const [index, decoded] of items.entries()) {
    if (index % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await otherCalls();
    checkItemFits(schema, decoded.defined);
    const { hash, range, indexed } = layout.rowKeys(decoded.defined);
    writer.row([hash, range, decoded.canonical, decoded.expiresAt ?? null, LOADED_AT, ...indexed]);
  }
  await tx.copyIn(
    `COPY ${content.sqlName} (${contentColumns(layout).join(', ')}) FROM STDIN (FORMAT binary)`,
    writer.end(),
  );
}

/** Inserts what is not there; what is there must be the same. */
async function compareAndInsert(tx: Connection, content: Content, items: readonly DecodedItem[]): Promise<void> {
  const batch = new RowBatch(content.layout);
  for (const decoded of items) {
    const row: StoredRow = {
      ...content.layout.rowKeys(decoded.defined),
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

const SHOWN_KEY_CHARACTERS = 300;

export function keyCollision({ canonicalKey }: Pick<DecodedItem, 'canonicalKey'>): DomainError {
  const key = canonicalKey.toString('utf8').slice(0, SHOWN_KEY_CHARACTERS);
  return new DomainError('KeyCollision', `Two different items have the key ${key}.`);
}

function conflict(message: string): DomainError {
  return new DomainError('ConflictError', message);
}
