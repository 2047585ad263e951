import { LineBlockBuilder } from '../../kernel';
import { NativeBlock, NativeSnapshot, NativeStream, SnapshotOptions } from '../native-tables';
import { TableHandle } from '../table-backend';
import { BinaryCopyParser, readBigint } from './binary-format';
import { isLive, nativeColumns } from './content';
import { Connection } from './database';
import { SQL_STATE, domainError, sqlState, tableChanged } from './errors';
import { Content } from './registry';
import { Services } from './services';

/** Rows are handed over in blocks of about so many bytes. */
const BLOCK_BYTES = 512 * 1024;
/** A process that stands still keeps vacuum from its work no longer than this. */
const IDLE_MILLIS = 600_000;
const EMPTY = Buffer.alloc(0);

interface Held {
  readonly connection: Connection;
  readonly release: () => void;
}

/** Connections that snapshots of this process hold beside each one's first. */
export interface StreamCount {
  extra: number;
}

/** A content at one moment, read by transactions that share one exported snapshot. */
export class PostgresSnapshot implements NativeSnapshot {
  private readonly held: Held[] = [];
  private readonly streams: NativeStream[] = [];
  private closed = false;

  private constructor(
    private readonly services: Services,
    private readonly counted: StreamCount,
    private readonly content: Content,
    private readonly snapshotId: string,
    /** First block of each part. */
    private readonly starts: readonly number[],
    private readonly cutoff: number,
  ) {}

  static async open(
    services: Services,
    counted: StreamCount,
    handle: TableHandle,
    options: SnapshotOptions,
  ): Promise<PostgresSnapshot> {
    const { db, registry } = services;
    const first = await db.hold();
    try {
      const { connection } = first;
      const content = await registry.requireReadable(db, handle.generation);
      // The lock first: whoever would drop the content waits for it, or is done, and then the snapshot does not see it.
      await begin(services, connection, `LOCK TABLE ${content.sqlName} IN ACCESS SHARE MODE`);
      await registry.requireReadable(connection, handle.generation);
      const found = await connection.query<{ id: string; blocks: number; bytes: string }>(
        `SELECT pg_export_snapshot() AS id, (pg_relation_size(k.oid) / current_setting('block_size')::bigint)::int AS blocks,
           pg_relation_size(k.oid) + CASE WHEN k.reltoastrelid = 0 THEN 0 ELSE pg_relation_size(k.reltoastrelid) END AS bytes
         FROM pg_class k WHERE k.oid = '${content.sqlName}'::regclass`,
      );
      const row = found.rows[0];
      if (!row) throw tableChanged();
      const starts = partStarts(row.blocks, Number(row.bytes), options);
      const snapshot = new PostgresSnapshot(services, counted, content, row.id, starts, options.expiryCutoff);
      snapshot.add(first);
      return snapshot;
    } catch (error) {
      await end(first);
      throw sqlState(error) === SQL_STATE.undefinedTable ? tableChanged() : error;
    }
  }

  get partCount(): number {
    return this.starts.length;
  }

  async openStream(): Promise<NativeStream | undefined> {
    const ready = this.streams.shift();
    if (ready) return ready;
    const { db } = this.services;
    // Half of the connections are left to everybody else.
    if (this.closed || this.counted.extra >= Math.floor(db.maxConnections / 2)) return undefined;
    this.counted.extra++;
    let held: Held | undefined;
    try {
      held = await db.hold();
      await begin(this.services, held.connection, `SET TRANSACTION SNAPSHOT '${this.snapshotId}'`);
    } catch (error) {
      this.counted.extra--;
      if (held) await end(held);
      throw error;
    }
    this.add(held);
    return this.streams.shift();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.counted.extra -= this.held.length - 1;
    await Promise.all(this.held.map(end));
  }

  private add(held: Held): void {
    this.held.push(held);
    this.streams.push({ read: (part, signal) => this.read(held.connection, part, signal) });
  }

  private async *read(connection: Connection, part: number, signal: AbortSignal): AsyncGenerator<NativeBlock> {
    const { content } = this;
    const columns = nativeColumns(content.layout);
    const builder = new LineBlockBuilder({ digestOnly: true });
    const parser = new BinaryCopyParser(columns.length, ([hash, range, item, expiresAt]) => {
      const key = content.layout.canonicalKey({ hash: hash ?? EMPTY, range: range ?? EMPTY });
      builder.add(item ?? EMPTY, key, expiresAt ? readBigint(expiresAt) : undefined);
    });
    const take = (rows: readonly Buffer[]): NativeBlock => ({ ...builder.take(''), lines: Buffer.concat(rows) });
    let rows: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const piece of connection.copyPieces(this.partSql(columns, part), signal)) {
        const whole = parser.write(piece);
        rows.push(whole);
        bytes += whole.length;
        if (bytes < BLOCK_BYTES || builder.itemCount === 0) continue;
        yield take(rows);
        signal.throwIfAborted();
        rows = [];
        bytes = 0;
      }
      if (!parser.ended) throw new Error('a copy ended before its end');
      if (builder.itemCount > 0) yield take(rows);
      signal.throwIfAborted();
    } catch (error) {
      signal.throwIfAborted();
      throw domainError(error);
    }
  }

  /** Within one snapshot no row moves, so stretches of blocks are disjoint and together everything. */
  private partSql(columns: readonly string[], part: number): string {
    const [from, to] = [this.starts[part], this.starts[part + 1]];
    if (from === undefined) throw new Error('there is no such part');
    const behind = to === undefined ? '' : ` AND ctid < '(${to},0)'::tid`;
    return `COPY (
      SELECT ${columns.join(', ')} FROM ${this.content.sqlName}
      WHERE ctid >= '(${from},0)'::tid${behind} AND ${isLive(this.cutoff)}
    ) TO STDOUT (FORMAT binary)`;
  }
}

/** Parts are ranges of blocks: read in order, never by an index. */
async function begin({ db }: Services, connection: Connection, first: string): Promise<void> {
  await connection.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; ${first};
     SET LOCAL statement_timeout = ${db.maintenanceTimeoutMillis}; SET LOCAL idle_in_transaction_session_timeout = ${IDLE_MILLIS};
     SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0`,
  );
}

async function end({ connection, release }: Held): Promise<void> {
  // If this fails, the connection is broken and is not used again, which ends the transaction as well.
  if (!connection.broken) await connection.query('ROLLBACK').catch(() => undefined);
  release();
}

function partStarts(blocks: number, bytes: number, { targetBytes, maxParts }: SnapshotOptions): number[] {
  const wanted = Math.ceil(bytes / Math.max(1, targetBytes));
  const parts = Math.max(1, Math.min(wanted, maxParts, blocks));
  return Array.from({ length: parts }, (_, part) => Math.floor((part * blocks) / parts));
}
