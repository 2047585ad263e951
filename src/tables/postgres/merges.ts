import { DecodedItem, DomainError, TableRef } from '../../kernel';
import { TableHandle } from '../table-backend';
import { keyCollision } from '../backend-errors';
import { sameRow } from './builds';
import { Connection } from './database';
import { tableChanged } from './errors';
import { TableRow, lockExclusive, lockShared, requireNoLock } from './registry';
import { RowBatch, StoredRow, writeTimeSql } from './row-batch';
import { Services, expiryCutoff } from './services';

/**
 * Merging whole items into a live table. Every row knows its write time; a merged item has that of its merge's beginning, so
 * ordinary writes since then win (they are given later times, never equal ones), deletes too, since they leave marks while a merge
 * runs. Of two merges the one that began later wins.
 */
export class Merges {
  constructor(private readonly services: Services) {}

  async begin(ref: TableRef, owner: string): Promise<{ handle: TableHandle; writeTimeMicros: number }> {
    // Exclusive, so that no write is on its way that knows nothing of marks.
    return this.services.db.transaction({ prelude: lockExclusive(ref) }, async (tx) => {
      const table = await this.services.registry.requireUnlocked(tx, ref);
      await tx.query(
        `INSERT INTO magnetodb.table_merges (table_id, owner, write_time)
         SELECT $1, $2, ${writeTimeSql(table.mergeTime)} ON CONFLICT DO NOTHING`,
        [table.id, owner],
      );
      await tx.query(`UPDATE magnetodb.table_contents SET holds_marks = true WHERE id = $1`, [table.content.id]);
      const found = await tx.query<{ write_time: string }>(
        `SELECT write_time FROM magnetodb.table_merges WHERE table_id = $1 AND owner = $2`,
        [table.id, owner],
      );
      const handle = { tableId: table.id, generation: table.content.id, schema: table.content.schema };
      return { handle, writeTimeMicros: Number(found.rows[0]?.write_time) };
    });
  }

  async merge(
    ref: TableRef,
    handle: TableHandle,
    items: readonly DecodedItem[],
    writeTimeMicros: number,
  ): Promise<void> {
    if (!Number.isSafeInteger(writeTimeMicros))
      throw new DomainError('InternalError', 'A write time must be an integer.');
    const { db, registry } = this.services;
    await db.transaction({ maintenance: true, prelude: lockShared(ref) }, async (tx) => {
      const table = await registry.find(tx, ref);
      // No merge running: it was ended, or its content replaced; without marks, merging would bring deleted items back.
      if (table?.id !== handle.tableId || table.content.id !== handle.generation || table.mergeTime === null)
        throw tableChanged();
      requireNoLock(table);
      await this.mergeInto(tx, table, items, writeTimeMicros);
    });
  }

  async end(ref: TableRef, owner: string): Promise<void> {
    await this.services.db.transaction({ prelude: lockExclusive(ref) }, async (tx) => {
      const table = await this.services.registry.find(tx, ref);
      if (table)
        await tx.query(`DELETE FROM magnetodb.table_merges WHERE table_id = $1 AND owner = $2`, [table.id, owner]);
    });
  }

  private async mergeInto(tx: Connection, table: TableRow, items: readonly DecodedItem[], time: number): Promise<void> {
    const { content } = table;
    const cutoff = expiryCutoff(this.services);
    const batch = new RowBatch(content.layout);
    for (const decoded of items) {
      // It does not exist any more, so it takes no other item's place.
      if (decoded.expiresAt !== undefined && decoded.expiresAt <= cutoff) continue;
      const row: StoredRow = {
        ...content.layout.rowKeysOf(decoded),
        item: decoded.canonical,
        expiresAt: decoded.expiresAt ?? null,
      };
      const earlier = batch.put(row);
      if (earlier && !sameRow(earlier, row)) throw keyCollision(decoded);
    }
    await batch.upsert(tx, content, { writtenAt: String(time), where: `old.written_at < ${time}` });
    const different = await batch.findDifferent(tx, content, `old.written_at = ${time}`);
    if (different) throw keyCollision({ canonicalKey: content.layout.canonicalKey(different) });
  }
}
