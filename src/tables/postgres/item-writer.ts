import {
  AttributeUpdates,
  DomainError,
  Item,
  Key,
  TableRef,
  applyUpdates,
  canonicalItem,
  checkItemFits,
  itemFromCanonical,
  keyOf,
  meetsExpected,
} from '../../kernel';
import { StoredItem, WriteOptions, WriteResult } from '../table-backend';
import { contentColumns } from './content';
import { Connection } from './database';
import { unavailable } from './errors';
import { Position } from './key-layout';
import { TableRow, lockShared } from './registry';
import { RowBatch, StoredRow, writeTimeSql } from './row-batch';
import { Services, expiryCutoff } from './services';

/** Another writer may insert the key between our look and our insert; then we look again. */
const MAX_LOOKS = 20;
/** Rows and bytes of one statement of `putItems`. */
const BATCH_ROWS = 1000;
const BATCH_BYTES = 4 * 1024 * 1024;

/** What a write decides: the row to leave behind, `delete`, or nothing. */
interface Decision {
  readonly result: WriteResult;
  readonly row: StoredRow | 'delete' | undefined;
}

/** The row of a key as a write finds it. */
interface FoundRow {
  /** Is there any row, be it expired or a delete mark? */
  readonly there: boolean;
  readonly item: Item | undefined;
  readonly expiresAt: number | null;
}

/**
 * Writes of items. Each is one transaction that holds its table's name shared (see `lockShared`), locks the item's row, decides by the
 * kernel's semantics, and writes.
 */
export class ItemWriter {
  constructor(private readonly services: Services) {}

  async put(ref: TableRef, item: Item, options: WriteOptions): Promise<WriteResult> {
    return this.write(ref, (table, tx) => {
      checkItemFits(table.content.schema, item);
      const keys = table.content.layout.rowKeys(item);
      const row = { ...keys, item: canonicalItem(item), expiresAt: options.expiresAt ?? null };
      return this.change(tx, table, keys, options, (found) => ({ result: { before: found.item, after: item }, row }));
    });
  }

  async update(ref: TableRef, key: Key, updates: AttributeUpdates, options: WriteOptions): Promise<WriteResult> {
    return this.write(ref, (table, tx) => {
      const { schema, layout } = table.content;
      return this.change(tx, table, layout.position(key), options, (found) => {
        const after = applyUpdates(schema, keyOf(schema, key), found.item, updates);
        const result = { before: found.item, after };
        if (after === undefined) return { result, row: undefined };
        checkItemFits(schema, after);
        const expiresAt = options.expiresAt === undefined ? found.expiresAt : options.expiresAt;
        return { result, row: { ...layout.rowKeys(after), item: canonicalItem(after), expiresAt } };
      });
    });
  }

  async delete(ref: TableRef, key: Key, options: WriteOptions): Promise<WriteResult> {
    return this.write(ref, (table, tx) =>
      this.change(tx, table, table.content.layout.position(key), options, (found) => ({
        result: { before: found.item, after: undefined },
        row: 'delete',
      })),
    );
  }

  /** Batches are written each in its own transaction; of one key the last item stays. */
  async putMany(ref: TableRef, items: readonly StoredItem[]): Promise<void> {
    for (let start = 0; start < items.length;) {
      start = await this.write(ref, async (table, tx) => {
        const { schema, layout } = table.content;
        const batch = new RowBatch(layout);
        let next = start;
        for (
          let stored = items[next];
          stored && batch.count < BATCH_ROWS && batch.bytes < BATCH_BYTES;
          stored = items[next]
        ) {
          checkItemFits(schema, stored.item);
          batch.put({
            ...layout.rowKeys(stored.item),
            item: canonicalItem(stored.item),
            expiresAt: stored.expiresAt ?? null,
          });
          next++;
        }
        await batch.upsert(tx, table.content, { writtenAt: writeTimeSql(table.mergeTime) });
        return next;
      });
    }
  }

  private async write<T>(ref: TableRef, work: (table: TableRow, tx: Connection) => Promise<T>): Promise<T> {
    return this.services.db.transaction({ prelude: lockShared(ref) }, async (tx) =>
      work(await this.services.registry.requireUnlocked(tx, ref), tx),
    );
  }

  private async change(
    tx: Connection,
    table: TableRow,
    position: Position,
    options: WriteOptions,
    decide: (found: FoundRow) => Decision,
  ): Promise<WriteResult> {
    for (let look = 0; look < MAX_LOOKS; look++) {
      const found = await this.lockRow(tx, table, position);
      if (options.expected && !meetsExpected(found.item, options.expected)) {
        throw new DomainError('ConditionalCheckFailedException', 'The conditional request failed.');
      }
      const { result, row } = decide(found);
      if (row === undefined) return result;
      const done = row === 'delete' ? deleteRow(tx, table, position, found) : writeRow(tx, table, row, found);
      if (await done) return result;
    }
    throw unavailable();
  }

  private async lockRow(tx: Connection, table: TableRow, position: Position): Promise<FoundRow> {
    const found = await tx.query<{ item: Buffer | null; expires_at: string | null }>(
      `SELECT item, expires_at FROM ${table.content.sqlName} WHERE hash_key = $1 AND range_key = $2 FOR UPDATE`,
      [position.hash, position.range],
    );
    const row = found.rows[0];
    const expiresAt = row?.expires_at == null ? null : Number(row.expires_at);
    const expired = expiresAt !== null && expiresAt <= expiryCutoff(this.services);
    if (!row?.item || expired) return { there: row !== undefined, item: undefined, expiresAt: null };
    return { there: true, item: itemFromCanonical(row.item), expiresAt };
  }
}

/** Writes over the row that we hold, or inserts one; false if somebody else inserted it first. */
async function writeRow(tx: Connection, table: TableRow, row: StoredRow, found: FoundRow): Promise<boolean> {
  const { content } = table;
  const columns = contentColumns(content.layout);
  const values = [row.hash, row.range, row.item, row.expiresAt, ...row.indexed];
  const time = writeTimeSql(table.mergeTime);
  // $1 hash key, $2 range key, $3 item, $4 expiry; the write time is the server's; indexed attributes from $5.
  const sources = columns.map((column, index) =>
    column === 'written_at' ? time : `$${index < 4 ? index + 1 : index}`,
  );
  if (found.there) {
    const assignments = columns.slice(2).map((column, index) => `${column} = ${sources[index + 2]}`);
    await tx.query(
      `UPDATE ${content.sqlName} SET ${assignments.join(', ')} WHERE hash_key = $1 AND range_key = $2`,
      values,
    );
    return true;
  }
  const inserted = await tx.query(
    `INSERT INTO ${content.sqlName} (${columns.join(', ')}) VALUES (${sources.join(', ')}) ON CONFLICT DO NOTHING`,
    values,
  );
  return inserted.count === 1;
}

/** While a merge runs, even the delete of an absent item leaves a mark, or the merge would bring the item. */
async function deleteRow(tx: Connection, table: TableRow, position: Position, found: FoundRow): Promise<boolean> {
  const { content, mergeTime } = table;
  const key = [position.hash, position.range];
  const marked = mergeTime !== null;
  if (!marked) {
    if (found.item) await tx.query(`DELETE FROM ${content.sqlName} WHERE hash_key = $1 AND range_key = $2`, key);
    return true;
  }
  const time = writeTimeSql(mergeTime);
  if (!found.there) {
    const inserted = await tx.query(
      `INSERT INTO ${content.sqlName} (hash_key, range_key, written_at) VALUES ($1, $2, ${time}) ON CONFLICT DO NOTHING`,
      key,
    );
    return inserted.count === 1;
  }
  const emptied = contentColumns(content.layout).filter(
    (column) => !['hash_key', 'range_key', 'written_at'].includes(column),
  );
  const assignments = emptied.map((column) => `${column} = NULL`);
  await tx.query(
    `UPDATE ${content.sqlName} SET ${assignments.join(', ')}, written_at = ${time} WHERE hash_key = $1 AND range_key = $2`,
    key,
  );
  return true;
}
