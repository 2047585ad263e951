import { pipeline } from 'node:stream/promises';
import { setImmediate as otherCalls } from 'node:timers/promises';
import { Pool, PoolClient, QueryResultRow } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { SQL_STATE, sqlState, unavailable } from './errors';
import { ResolvedOptions } from './options';

export interface Rows<R> {
  readonly rows: readonly R[];
  /** Rows that the statement touched. */
  readonly count: number;
}

/** Something to ask: the pool (each statement by itself), or one transaction. */
export interface Queryable {
  /** @param name of a statement whose text never changes: each connection then parses and plans it once */
  query<R extends QueryResultRow>(text: string, values?: readonly unknown[], name?: string): Promise<Rows<R>>;
}

export interface TransactionOptions {
  /** A statement without parameters, sent together with BEGIN in one round trip: taking locks. */
  readonly prelude?: string;
  /** Long work: the longer timeout. */
  readonly maintenance?: boolean;
  /** Longest wait for a lock, milliseconds, if not the usual. */
  readonly lockTimeoutMillis?: number;
  /** Not again after a deadlock: the caller cannot do the work twice. */
  readonly once?: boolean;
}

const MAX_TRIES = 8;
/** A lock that is not had by then: `ServiceUnavailable`. */
const LOCK_TIMEOUT_MILLIS = 20_000;
/** Shorter than the wait for a lock: a stopped process with an open transaction makes others wait, not fail. */
const IDLE_TRANSACTION_MILLIS = 15_000;
/** The driver's own timeout, for a server that no longer answers at all, comes so much after the server's. */
const SILENCE_MILLIS = 5_000;
/** Of a copy, at most so much is worked on before other calls of this process have their turn. */
const COPY_OUT_BUFFER_BYTES = 64 * 1024;

/**
 * The connections of this process. What the driver throws comes through as it is, so that callers can decide by SQLSTATE; the
 * backend's outermost layer makes domain errors of it.
 */
export class Database implements Queryable {
  private readonly pool: Pool;

  constructor(private readonly options: ResolvedOptions) {
    this.pool = new Pool({
      connectionString: options.connectionString,
      max: options.maxConnections,
      connectionTimeoutMillis: options.connectTimeoutMillis,
      statement_timeout: options.statementTimeoutMillis,
      lock_timeout: LOCK_TIMEOUT_MILLIS,
      idle_in_transaction_session_timeout: IDLE_TRANSACTION_MILLIS,
      keepAlive: true,
      application_name: 'magnetodb-tables',
      // Everything here goes by key, in short statements that cost estimates of large tables make look long.
      options: '-c jit=off -c random_page_cost=1.1',
      allowExitOnIdle: true,
    });
    // A connection that breaks is found out by whoever uses it next; unheard, its event would end the process.
    this.pool.on('error', () => undefined);
    this.pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async query<R extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    name?: string,
  ): Promise<Rows<R>> {
    return this.withConnection(this.options.statementTimeoutMillis, (connection) =>
      connection.query<R>(text, values, name),
    );
  }

  /** Runs `work` in a transaction (READ COMMITTED), again from the start if the server found a deadlock. */
  async transaction<T>(options: TransactionOptions, work: (tx: Connection) => Promise<T>): Promise<T> {
    const timeout = options.maintenance ? this.options.maintenanceTimeoutMillis : this.options.statementTimeoutMillis;
    const begin = ['BEGIN'];
    if (options.maintenance) begin.push(`SET LOCAL statement_timeout = ${timeout}`);
    if (options.lockTimeoutMillis !== undefined) begin.push(`SET LOCAL lock_timeout = ${options.lockTimeoutMillis}`);
    if (options.prelude !== undefined) begin.push(options.prelude);
    for (let tries = 1; ; tries++) {
      try {
        return await this.withConnection(timeout, (connection) => runTransaction(connection, begin.join('; '), work));
      } catch (error) {
        const state = sqlState(error);
        const again = state === SQL_STATE.deadlockDetected || state === SQL_STATE.serializationFailure;
        if (!again || options.once || tries === MAX_TRIES) throw error;
      }
    }
  }

  /** Longest that maintenance may take, in milliseconds. */
  get maintenanceTimeoutMillis(): number {
    return this.options.maintenanceTimeoutMillis;
  }

  /** Most connections of this process. */
  get maxConnections(): number {
    return this.options.maxConnections;
  }

  /** A connection for work that spans calls; until `release`, nobody else has it. */
  async hold(): Promise<{ connection: Connection; release: () => void }> {
    if (this.pool.ending) throw unavailable();
    const client = await this.pool.connect();
    const connection = new Connection(client, this.options.maintenanceTimeoutMillis + SILENCE_MILLIS);
    return { connection, release: () => client.release(connection.broken) };
  }

  async close(): Promise<void> {
    if (!this.pool.ending) await this.pool.end();
  }

  private async withConnection<T>(timeoutMillis: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.pool.ending) throw unavailable();
    const client = await this.pool.connect();
    const connection = new Connection(client, timeoutMillis + SILENCE_MILLIS);
    try {
      return await work(connection);
    } finally {
      client.release(connection.broken);
    }
  }
}

async function runTransaction<T>(
  connection: Connection,
  begin: string,
  work: (tx: Connection) => Promise<T>,
): Promise<T> {
  try {
    await connection.query(begin);
    const result = await work(connection);
    await connection.query('COMMIT');
    return result;
  } catch (error) {
    // If this fails too, the connection is broken and is not used again, which ends the transaction as well.
    if (!connection.broken) await connection.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** One connection, while one caller has it. */
export class Connection implements Queryable {
  /** Not to be used again: its state is unknown. */
  broken = false;

  constructor(
    private readonly client: PoolClient,
    private readonly timeoutMillis: number,
  ) {}

  async query<R extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    name?: string,
  ): Promise<Rows<R>> {
    const config = {
      text,
      values: [...values],
      query_timeout: this.timeoutMillis,
      ...(name === undefined ? {} : { name }),
    };
    const result = await this.watched(this.client.query<R>(config));
    return { rows: result.rows, count: result.rowCount ?? 0 };
  }

  /** `COPY … TO STDOUT`. If `signal` is aborted or time is up, the connection is cut. */
  async copyOut(text: string, onPiece: (piece: Buffer) => void, signal?: AbortSignal): Promise<void> {
    for await (const piece of this.copyPieces(text, signal)) onPiece(piece);
  }

  /** The pieces of `COPY … TO STDOUT`, with back-pressure. Left before its end, or cut as `copyOut` says, the connection is not used again. */
  async *copyPieces(text: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
    signal?.throwIfAborted();
    const stream = this.client.query(copyTo(text, { highWaterMark: COPY_OUT_BUFFER_BYTES }));
    const cut = (): void => void stream.destroy(new Error('the copy was cut'));
    const timer = setTimeout(cut, this.timeoutMillis);
    signal?.addEventListener('abort', cut);
    let inOrder = false;
    try {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        yield piece;
        await otherCalls();
      }
      inOrder = true;
    } catch (error) {
      inOrder = sqlState(error) !== undefined;
      signal?.throwIfAborted();
      throw error;
    } finally {
      if (!inOrder) this.broken = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', cut);
    }
  }

  /** `COPY … FROM STDIN`, with back-pressure. If `pieces` fails or `signal` is aborted, the connection is cut, which undoes the transaction. */
  async copyIn(text: string, pieces: Iterable<Buffer> | AsyncIterable<Buffer>, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    // The stream takes pg's timeout mechanism, by the same property as a query's.
    const copy = Object.assign(copyFrom(text), { query_timeout: this.timeoutMillis });
    let failure: { error: unknown } | undefined;
    async function* guarded(): AsyncGenerator<Buffer> {
      try {
        yield* pieces;
      } catch (error) {
        failure = { error };
        // The server is told, and writes it into its log: not what was wrong with whose data.
        throw new Error('the copy was given up');
      }
    }
    let stop = (): void => undefined;
    const stopped = new Promise<never>((_resolve, reject) => {
      stop = () => reject(signal?.reason);
    });
    signal?.addEventListener('abort', stop);
    try {
      await this.watched(Promise.race([pipeline(guarded(), this.client.query(copy)), stopped]));
    } catch (error) {
      if (failure === undefined) throw error;
      // Whatever it is, and wherever it came from: this copy did not come to its end.
      this.broken = true;
      throw failure.error;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  private async watched<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      // The server's own errors leave the connection in order; all others leave it who knows where.
      if (sqlState(error) === undefined) this.broken = true;
      throw error;
    }
  }
}
