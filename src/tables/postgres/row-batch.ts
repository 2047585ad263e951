import { Content } from './registry';
import { Connection } from './database';
import { bigintArray, byteaArray } from './binary-format';
import { contentColumns } from './content';
import { KeyLayout, RowKeys } from './key-layout';

/** A row to be written. */
export interface StoredRow extends RowKeys {
  /** Canonical JSON. */
  readonly item: Buffer;
  /** Seconds since the epoch. */
  readonly expiresAt: number | null;
}

/**
 * SQL for an ordinary write's time in microseconds: by the server's clock, the only one that all gateways share; later than any
 * merge that runs, even if that clock was set back.
 */
export function writeTimeSql(mergeTime: number | null): string {
  const now = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`;
  return mergeTime === null ? now : `greatest(${now}, ${mergeTime + 1})`;
}

/** Many rows for one statement, at most one of each key; sorted, so that two batches never wait for each other in a ring. */
export class RowBatch {
  private readonly rows = new Map<string, StoredRow>();
  bytes = 0;

  constructor(private readonly layout: KeyLayout) {}

  get count(): number {
    return this.rows.size;
  }

  /** Takes the place of an earlier row of the same key, which is returned. */
  put(row: StoredRow): StoredRow | undefined {
    // The length of the hash key keeps ("a", "bc") and ("ab", "c") apart.
    const key = `${row.hash.length}:${row.hash.toString('latin1')}${row.range.toString('latin1')}`;
    const earlier = this.rows.get(key);
    this.rows.set(key, row);
    this.bytes += row.item.length;
    return earlier;
  }

  /** Inserts all rows, or writes over those that are there: all of them, or those for which `where` (on `old` and `new`) holds. */
  async upsert(tx: Connection, content: Content, options: { writtenAt: string; where?: string }): Promise<void> {
    const changed = contentColumns(this.layout).slice(2);
    const assignments = changed.map((column) => `${column} = excluded.${column}`);
    await this.insert(
      tx,
      content,
      options.writtenAt,
      `(hash_key, range_key) DO UPDATE SET ${assignments.join(', ')} ${options.where === undefined ? '' : `WHERE ${options.where}`}`,
    );
  }

  /** Inserts those rows whose keys are not there. */
  async insertMissing(tx: Connection, content: Content, writtenAt: string): Promise<void> {
    await this.insert(tx, content, writtenAt, 'DO NOTHING');
  }

  /**
   * The first row of the content with a key of this batch and another item or expiry (NULL items aside), among those for which
   * `condition` (on `old`) holds.
   */
  async findDifferent(tx: Connection, content: Content, condition: string): Promise<RowKeys | undefined> {
    const found = await tx.query<{ hash_key: Buffer; range_key: Buffer }>(
      `SELECT old.hash_key, old.range_key FROM ${this.source()}
       JOIN ${content.sqlName} old ON old.hash_key = new.hash_key AND old.range_key = new.range_key
       WHERE ${condition} AND (old.item IS DISTINCT FROM new.item OR old.expires_at IS DISTINCT FROM new.expires_at) LIMIT 1`,
      this.parameters(),
    );
    const row = found.rows[0];
    return row && { hash: row.hash_key, range: row.range_key, indexed: [] };
  }

  private async insert(tx: Connection, content: Content, writtenAt: string, onConflict: string): Promise<void> {
    if (this.rows.size === 0) return;
    const columns = contentColumns(this.layout);
    const sources = columns.map((column) => (column === 'written_at' ? writtenAt : `new.${column}`));
    await tx.query(
      `INSERT INTO ${content.sqlName} AS old (${columns.join(', ')}) SELECT ${sources.join(', ')} FROM ${this.source()}
       ON CONFLICT ${onConflict}`,
      this.parameters(),
    );
  }

  /** The batch as a relation `new`, of the parameters $1, $2, … */
  private source(): string {
    const columns = contentColumns(this.layout).filter((column) => column !== 'written_at');
    const arrays = columns.map((column, index) => `$${index + 1}::${column === 'expires_at' ? 'bigint' : 'bytea'}[]`);
    return `unnest(${arrays.join(', ')}) AS new (${columns.join(', ')})`;
  }

  private parameters(): Buffer[] {
    const rows = [...this.rows.values()].sort(
      (a, b) => Buffer.compare(a.hash, b.hash) || Buffer.compare(a.range, b.range),
    );
    return [
      byteaArray(rows.map((row) => row.hash)),
      byteaArray(rows.map((row) => row.range)),
      byteaArray(rows.map((row) => row.item)),
      bigintArray(rows.map((row) => row.expiresAt)),
      ...this.layout.indexes.map((_index, number) => byteaArray(rows.map((row) => row.indexed[number] ?? null))),
    ];
  }
}
