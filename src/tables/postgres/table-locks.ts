import { setTimeout as delay } from 'node:timers/promises';
import { TableRef } from '../../kernel';
import { LockedTable, TableLock } from '../table-backend';
import { unavailable } from './errors';
import { SERVER_NOW, storable, tableNumber } from './registry';
import { Services } from './services';

/** How often to look whether the writes on their way have ended. */
const LOOK_MILLIS = 10;
/** A transaction that holds a table for longer is ended: its process was stopped, or does not read what it asked for. */
const PATIENCE_MILLIS = 5_000;
/** What was to be ended has so long for it. */
const END_MILLIS = 5_000;

/** The sessions that hold a table's advisory lock, be it shared or not. Parameters: the number's halves. */
const HOLDERS = `
  FROM pg_locks
  WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = $1::bigint::oid AND objid = $2::bigint::oid AND objsubid = 1 AND granted`;

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
      await this.drain(ref, asked + seconds * 1000);
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
        WHERE id = $1 AND (lock_owner IS NULL OR lock_owner = $2 OR lock_deadline <= ${SERVER_NOW})`,
      [table.id, owner, Math.ceil(seconds * 1000)],
    );
    if (locked.count > 0) return;
    await registry.requireUnlocked(db, ref);
    // Dropped, or released, since it was looked up.
    throw unavailable();
  }

  /** Waits until every transaction that holds the table now has ended. Those that do not end are ended. @param deadline monotonic */
  private async drain(ref: TableRef, deadline: number): Promise<void> {
    const since = performance.now();
    let left = await this.holders(ref);
    while (left.length > 0) {
      const now = performance.now();
      if (now >= deadline || now - since >= PATIENCE_MILLIS + END_MILLIS) throw unavailable();
      if (now - since >= PATIENCE_MILLIS) await this.end(ref, left);
      await delay(LOOK_MILLIS);
      const holding = new Set(await this.holders(ref));
      left = left.filter((transaction) => holding.has(transaction));
    }
  }

  private async holders(ref: TableRef): Promise<string[]> {
    const found = await this.services.db.query<{ virtualtransaction: string }>(
      `SELECT virtualtransaction ${HOLDERS}`,
      halves(ref),
    );
    return found.rows.map((row) => row.virtualtransaction);
  }

  private async end(ref: TableRef, transactions: readonly string[]): Promise<void> {
    await this.services.db.query(
      `SELECT pg_terminate_backend(pid) ${HOLDERS} AND virtualtransaction = ANY($3)`,
      [...halves(ref), transactions],
    );
  }
}

/** An advisory lock's number as `pg_locks` shows it. */
function halves(ref: TableRef): [string, string] {
  const number = BigInt.asUintN(64, tableNumber(ref));
  return [String(number >> 32n), String(number & 0xffff_ffffn)];
}
