import {
  DomainError,
  TABLE_NAME_PATTERN,
  TableDescription,
  TableRef,
  TableSchema,
  TableStatus,
  checkSchema,
  newId,
  validationError,
} from '../../kernel';
import { TableStructure } from '../table-backend';
import { createContent, createIndexes, measure, retireContent } from './content';
import { Database, Queryable } from './database';
import { SQL_STATE, sqlState } from './errors';
import { Services } from './services';
import { TableRow, isLocked, lockExclusive, retryVanished, storable } from './registry';
import { dropRetired } from './sweep';

/** Tables as such: made, described, listed and dropped. */
export class TableAdmin {
  private readonly db: Database;

  constructor(private readonly services: Services) {
    this.db = services.db;
  }

  async create(ref: TableRef, schema: TableSchema): Promise<TableDescription> {
    checkTableName(ref.name);
    checkProjectId(ref.projectId);
    checkSchema(schema);
    const now = this.services.clock.now();
    return this.db.transaction({ prelude: lockExclusive(ref) }, async (tx) => {
      if (await this.services.registry.find(tx, ref)) throw tableAlreadyExists(ref.name);
      const id = newId();
      const contentId = newId();
      await createContent(tx, { id: contentId, tableId: id, projectId: ref.projectId, schema, buildId: null, now });
      await createIndexes(tx, contentId, schema);
      await insertTable(tx, { id, ref, contentId, now });
      return this.describeRow(tx, await this.services.registry.require(tx, ref));
    });
  }

  async describe(ref: TableRef): Promise<TableDescription> {
    return retryVanished(async () => this.describeRow(this.db, await this.services.registry.require(this.db, ref)));
  }

  async structure(ref: TableRef): Promise<TableStructure> {
    const row = await this.services.registry.require(this.db, ref);
    return { schema: row.content.schema, status: statusOf(row) };
  }

  async findById(projectId: string, tableId: string): Promise<TableDescription | undefined> {
    return retryVanished(async () => {
      const row = await this.services.registry.findById(this.db, projectId, tableId);
      return row && this.describeRow(this.db, row);
    });
  }

  async list(
    projectId: string,
    page: { limit: number; exclusiveStartName?: string },
  ): Promise<{ names: string[]; lastEvaluatedName?: string }> {
    if (!storable(projectId)) return { names: [] };
    if (page.exclusiveStartName !== undefined) checkTableName(page.exclusiveStartName);
    const found = await this.db.query<{ name: string }>(
      `SELECT name FROM magnetodb.table_info WHERE project_id = $1 AND name > $2 ORDER BY name LIMIT $3`,
      [projectId, page.exclusiveStartName ?? '', page.limit + 1],
    );
    const names = found.rows.map((row) => row.name).slice(0, page.limit);
    const last = names.at(-1);
    return found.rows.length > page.limit && last !== undefined ? { names, lastEvaluatedName: last } : { names };
  }

  async usage(projectId?: string): Promise<TableDescription[]> {
    const described: TableDescription[] = [];
    for (const row of await this.services.registry.list(this.db, projectId)) {
      try {
        described.push(await this.describeRow(this.db, row));
      } catch (error) {
        // Dropped since it was listed.
        if (sqlState(error) !== SQL_STATE.undefinedTable) throw error;
      }
    }
    return described;
  }

  async drop(ref: TableRef): Promise<TableDescription> {
    const now = this.services.clock.now();
    const dropped = await this.db.transaction({ prelude: lockExclusive(ref) }, async (tx) => {
      const row = await this.services.registry.requireUnlocked(tx, ref);
      const description = await this.describeRow(tx, row);
      await tx.query(`DELETE FROM magnetodb.table_info WHERE id = $1`, [row.id]);
      await retireContent(tx, row.content.id, now);
      return { row, description };
    });
    await dropRetired(this.db, dropped.row.content.id, now);
    return { ...dropped.description, status: 'DELETING' };
  }

  /** @throws the driver's error if the content has been dropped since the row was read */
  async describeRow(db: Queryable, row: TableRow): Promise<TableDescription> {
    const now = this.services.clock.now();
    const usage = await measure(db, row.content, Math.floor(now / 1000));
    return {
      ...row.ref,
      id: row.id,
      schema: row.content.schema,
      status: statusOf(row),
      createdAt: row.createdAt,
      generation: row.content.id,
      itemCount: usage.itemCount,
      sizeBytes: usage.sizeBytes,
    };
  }
}

function statusOf(row: TableRow): TableStatus {
  if (row.dropOwner !== null) return 'DELETING';
  return isLocked(row) ? 'MAINTENANCE' : 'ACTIVE';
}

/** @throws DomainError ValidationError */
export function checkTableName(name: string): void {
  if (!TABLE_NAME_PATTERN.test(name)) {
    throw validationError('A table name must be 3 to 255 of the characters a-z A-Z 0-9 _ . -');
  }
}

/** @throws DomainError ValidationError */
export function checkProjectId(projectId: string): void {
  if (projectId === '' || !storable(projectId)) throw validationError('A project id must be text without U+0000.');
}

export function tableAlreadyExists(name: string): DomainError {
  return new DomainError('TableAlreadyExistsException', `Table '${name}' already exists.`);
}

export async function insertTable(
  tx: Queryable,
  table: { id: string; ref: TableRef; contentId: string; now: number },
): Promise<void> {
  await tx.query(
    `INSERT INTO magnetodb.table_info (id, project_id, name, content_id, created_at) VALUES ($1, $2, $3, $4, $5)`,
    [table.id, table.ref.projectId, table.ref.name, table.contentId, table.now],
  );
}
