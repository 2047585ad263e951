import { TableDescription, TableRef } from '../../kernel';
import { DroppingTable } from '../table-backend';
import { retireContent } from './content';
import { unavailable } from './errors';
import { drainHolders } from './lock-holders';
import { SERVER_NOW, lockExclusive, requireNoLock, storable, tableNumber } from './registry';
import { Services } from './services';
import { dropRetired } from './sweep';
import { TableAdmin } from './table-admin';

/**
 * Drops in two steps: first the table is DELETING, and what is in it stays to be read through handles; then it goes, or is ACTIVE again. As with
 * MAINTENANCE the registry says so first, and then the calls that were let in before are waited for.
 */
export class TableDrops {
  constructor(
    private readonly services: Services,
    private readonly tables: TableAdmin,
  ) {}

  async begin(ref: TableRef, owner: string): Promise<TableDescription> {
    const { db, registry } = this.services;
    const table = await registry.require(db, ref);
    const marked = await db.query(
      `UPDATE magnetodb.table_info SET drop_owner = $2
        WHERE id = $1 AND coalesce(drop_owner, $2) = $2 AND (lock_deadline IS NULL OR lock_deadline <= ${SERVER_NOW})`,
      [table.id, owner],
    );
    if (marked.count === 0) {
      requireNoLock(await registry.require(db, ref));
      // Dropped, released or unlocked since it was looked up.
      throw unavailable();
    }
    try {
      await drainHolders(db, tableNumber(ref));
    } catch (error) {
      await this.cancel(ref, owner).catch(() => undefined);
      throw error;
    }
    return this.tables.describe(ref);
  }

  async cancel(ref: TableRef, owner: string): Promise<void> {
    if (!storable(ref.projectId) || !storable(ref.name)) return;
    await this.services.db.query(
      `UPDATE magnetodb.table_info SET drop_owner = NULL WHERE project_id = $1 AND name = $2 AND drop_owner = $3`,
      [ref.projectId, ref.name, owner],
    );
  }

  async list(): Promise<DroppingTable[]> {
    const found = await this.services.db.query<{ project_id: string; name: string; drop_owner: string }>(
      `SELECT project_id, name, drop_owner FROM magnetodb.table_info WHERE drop_owner IS NOT NULL`,
    );
    return found.rows.map((row) => ({ ref: { projectId: row.project_id, name: row.name }, owner: row.drop_owner }));
  }

  async finish(ref: TableRef, owner: string): Promise<void> {
    const { db, registry, clock } = this.services;
    const now = clock.now();
    const dropped = await db.transaction({ prelude: lockExclusive(ref) }, async (tx) => {
      const row = await registry.find(tx, ref);
      if (row?.dropOwner !== owner) return undefined;
      await tx.query(`DELETE FROM magnetodb.table_info WHERE id = $1`, [row.id]);
      await retireContent(tx, row.content.id, now);
      return row.content.id;
    });
    if (dropped !== undefined) await dropRetired(db, dropped, now);
  }
}
