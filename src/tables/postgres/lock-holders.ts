import { setTimeout as delay } from 'node:timers/promises';
import { Queryable } from './database';
import { unavailable } from './errors';

/** How often to look whether the transactions on their way have ended. */
const LOOK_MILLIS = 10;
/** A transaction that holds its lock for longer is ended: its process was stopped, or does not read what it asked for. */
const PATIENCE_MILLIS = 5_000;
/** What was to be ended has so long for it. */
const END_MILLIS = 5_000;

/** The sessions that hold an advisory lock, be it shared or not. Parameters: the number's halves. */
const HOLDERS = `
  FROM pg_locks
  WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = $1::bigint::oid AND objid = $2::bigint::oid AND objsubid = 1 AND granted`;

/**
 * Waits until every transaction that holds an advisory lock now has ended. Those that do not end are ended.
 * @param deadline monotonic milliseconds
 * @throws DomainError ServiceUnavailable if they do not end even so
 */
export async function drainHolders(db: Queryable, lockNumber: bigint, deadline = Infinity): Promise<void> {
  const since = performance.now();
  const halves = halvesOf(lockNumber);
  let left = await holders(db, halves);
  while (left.length > 0) {
    const now = performance.now();
    if (now >= deadline || now - since >= PATIENCE_MILLIS + END_MILLIS) throw unavailable();
    if (now - since >= PATIENCE_MILLIS) await end(db, halves, left);
    await delay(LOOK_MILLIS);
    const holding = new Set(await holders(db, halves));
    left = left.filter((transaction) => holding.has(transaction));
  }
}

type Halves = readonly [string, string];

/** An advisory lock's number as `pg_locks` shows it. */
function halvesOf(lockNumber: bigint): Halves {
  const number = BigInt.asUintN(64, lockNumber);
  return [String(number >> 32n), String(number & 0xffff_ffffn)];
}

async function holders(db: Queryable, halves: Halves): Promise<string[]> {
  const found = await db.query<{ virtualtransaction: string }>(`SELECT virtualtransaction ${HOLDERS}`, [...halves]);
  return found.rows.map((row) => row.virtualtransaction);
}

async function end(db: Queryable, halves: Halves, transactions: readonly string[]): Promise<void> {
  await db.query(`SELECT pg_terminate_backend(pid) ${HOLDERS} AND virtualtransaction = ANY($3)`, [
    ...halves,
    transactions,
  ]);
}
