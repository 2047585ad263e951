import { TableRef } from '../../kernel';
import { LockedTable, TableLock } from '../table-backend';
import { unavailable } from './errors';
import { drainHolders } from './lock-holders';
import { SERVER_NOW, storable, tableNumber } from './registry';
import { Services } from './services';

/**
 * MAINTENANCE (docs/adr/0005-maintenance.md). First the registry says so: every transaction that takes the table's advisory lock from then
 * on reads it behind that lock, and refuses. Then those that held it already are waited for. Nobody queues for the lock meanwhile, so refused
 * calls hold no connection that calls on other tables need.
 */
export class TableLocks {
  constructor(private readonly services: Services) {}

  async lock(ref: TableRef, { owner, seconds }: TableLock): Promise<void> {
    const asked = performance.now();
    await this.announce(ref, owner, seconds);
    try {
      await drainHolders(this.services.db, tableNumber(ref), asked + seconds * 1000);
    } catch (error) {
      await this.unlock(ref, owner).catch(() => undefined);
      throw error;
    }
  }

  async unlock(ref: TableRef, owner: string): Promise<boolean> {
    if (!storable(ref.projectId) || !storable(ref.name)) return false;
    const released = await this.services.db.query<{ held: boolean }>(
      `UPDATE magnetodb.table_info t SET lock_owner = NULL, lock_deadline = NULL
         FROM (SELECT id, lock_deadline > ${SERVER_NOW} AS held FROM magnetodb.table_info
                WHERE project_id = $1 AND name = $2 AND lock_owner = $3 FOR UPDATE) old
        WHERE t.id = old.id RETURNING old.held`,
      [ref.projectId, ref.name, owner],
    );
    return released.rows[0]?.held ?? false;
  }

  async list(): Promise<LockedTable[]> {
    const found = await this.services.db.query<{ project_id: string; name: string; lock_owner: string; left: string }>(
      `SELECT project_id, name, lock_owner, lock_deadline - ${SERVER_NOW} AS left FROM magnetodb.table_info
        WHERE lock_deadline IS NOT NULL AND lock_deadline > ${SERVER_NOW}`,
      [],
      'magnetodb_locked_tables',
    );
    return found.rows.map((row) => ({
      ref: { projectId: row.project_id, name: row.name },
      owner: row.lock_owner,
      secondsLeft: Number(row.left) / 1000,
    }));
  }

  private async announce(ref: TableRef, owner: string, seconds: number): Promise<void> {
    const { db, registry } = this.services;
    const table = await registry.require(db, ref);
    const locked = await db.query(
      `UPDATE magnetodb.table_info SET lock_owner = $2, lock_deadline = ${SERVER_NOW} + $3
        WHERE id = $1 AND drop_owner IS NULL AND (lock_owner IS NULL OR lock_owner = $2 OR lock_deadline <= ${SERVER_NOW})`,
      [table.id, owner, Math.ceil(seconds * 1000)],
    );
    if (locked.count > 0) return;
    await registry.requireUnlocked(db, ref);
    // Dropped, or released, since it was looked up.
    throw unavailable();
  }
}
