import { Database } from './database';
import { SQL_STATE, sqlState } from './errors';
import { SERVER_NOW, TableRow, contentTable, isLocked, lockShared } from './registry';
import { Services, expiryCutoff } from './services';

/** What is in use for longer than this is left to the next sweep. */
const BUSY_MILLIS = 2_000;
const EXPIRED_PER_STATEMENT = 2_000;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Drops a retired content whose time has come, and forgets it, both or neither. Left to the next sweep if somebody is still
 * reading it.
 */
export async function dropRetired(db: Database, contentId: string, now: number): Promise<void> {
  await unlessBusy(() =>
    db.transaction({ lockTimeoutMillis: BUSY_MILLIS }, async (tx) => {
      const due = await tx.query(
        `SELECT 1 FROM magnetodb.table_contents WHERE id = $1 AND state = 'retired' AND drop_after <= $2 FOR UPDATE SKIP LOCKED`,
        [contentId, now],
      );
      if (due.count === 0) return;
      await tx.query(`DROP TABLE IF EXISTS ${contentTable(contentId)}`);
      await tx.query(`DELETE FROM magnetodb.table_contents WHERE id = $1`, [contentId]);
    }),
  );
}

async function unlessBusy<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const state = sqlState(error);
    if (state === LOCK_NOT_AVAILABLE || state === SQL_STATE.deadlockDetected) return undefined;
    throw error;
  }
}

/** Locks that ran out, contents past their grace, expired items, and delete marks that no merge needs any more. */
export async function sweep(services: Services): Promise<void> {
  const { db, registry } = services;
  const now = services.clock.now();
  await forgetVoidLocks(db);
  const due = await db.query<{ id: string }>(`SELECT id FROM magnetodb.table_contents WHERE drop_after <= $1`, [now]);
  for (const { id } of due.rows) await dropRetired(db, id, now);
  for (const table of await registry.list(db, undefined)) {
    while (await unlessBusy(() => sweepTable(services, table)));
  }
}

/** They hinder nobody any more; but their holder died, and its name should not stay. */
async function forgetVoidLocks(db: Database): Promise<void> {
  await db.query(
    `UPDATE magnetodb.table_info SET lock_owner = NULL, lock_deadline = NULL
      WHERE lock_deadline IS NOT NULL AND lock_deadline <= ${SERVER_NOW}`,
  );
}

/** One short transaction, so that nobody waits for long; true: there may be more to do. */
async function sweepTable(services: Services, listed: TableRow): Promise<boolean> {
  const cutoff = expiryCutoff(services);
  return services.db.transaction({ prelude: lockShared(listed.ref), lockTimeoutMillis: BUSY_MILLIS }, async (tx) => {
    const table = await services.registry.find(tx, listed.ref);
    // While a merge runs, what expired still tells it that a newer write was there.
    if (!table || table.mergeTime !== null || isLocked(table)) return false;
    const { sqlName, id } = table.content;
    const expired = await tx.query(
      `DELETE FROM ${sqlName} WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM ${sqlName} WHERE expires_at <= $1 LIMIT ${EXPIRED_PER_STATEMENT} FOR UPDATE SKIP LOCKED))`,
      [cutoff],
    );
    if (expired.count === EXPIRED_PER_STATEMENT) return true;
    const marked = await tx.query(
      `UPDATE magnetodb.table_contents SET holds_marks = false WHERE id = $1 AND holds_marks`,
      [id],
    );
    if (marked.count > 0) await tx.query(`DELETE FROM ${sqlName} WHERE item IS NULL`);
    return false;
  });
}
