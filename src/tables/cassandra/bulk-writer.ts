import { setMaxListeners } from 'node:events';
import { Batch, BatchLimit, BatchPlanner, PlannedRow, weightOf } from './batch-planner';
import { isTooLarge } from './errors';
import { ReplicaSets } from './replica-sets';
import { Session, Statement } from './session';
import { WriteWindow } from './write-window';

export interface BulkOptions {
  /** Where the rows lie. */
  readonly keyspace: string;
  readonly signal?: AbortSignal | undefined;
  /** Seconds to live of what expires then (seconds since the epoch), 0: for ever; undefined: it has expired. Asked just before the row is sent. */
  readonly lifeOf?: (expiresAt: number) => number | undefined;
  /**
   * May rows be written late, when there is room among all that is written, or the servers come back? That must not matter, then. Otherwise they are
   * sent at once, and a failure is one once the driver has tried another node.
   */
  readonly patient: boolean;
}

/** Writes of many rows as fast as the cluster takes them: one for all of this process, so that they share what it takes. */
export class BulkWriter {
  private readonly limit = new BatchLimit();

  constructor(
    private readonly session: Pick<Session, 'ring' | 'writeBatch'>,
    private readonly window = new WriteWindow(),
  ) {}

  /** Makes a call of a load again while the cluster is away, as its writes are. @throws as `WriteWindow.insist` */
  insist<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.window.insist(call, signal ?? new AbortController().signal);
  }

  begin(options: BulkOptions): BulkLoad {
    return new BulkLoad(this.session, options.patient ? this.window : new WriteWindow(), this.limit, options);
  }
}

/** One run of rows: batches of rows of the same replicas, many on their way at once. */
export class BulkLoad {
  private readonly planner: BatchPlanner;
  private readonly running = new Set<Promise<void>>();
  private readonly ended = new AbortController();
  private readonly signal: AbortSignal;
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly session: Pick<Session, 'ring' | 'writeBatch'>,
    private readonly window: WriteWindow,
    private readonly limit: BatchLimit,
    private readonly options: BulkOptions,
  ) {
    const replicas = new ReplicaSets(session.ring, options.keyspace);
    this.planner = new BatchPlanner(limit, (hash) => replicas.of(hash));
    this.signal = options.signal ? AbortSignal.any([options.signal, this.ended.signal]) : this.ended.signal;
    // One a write on its way.
    setMaxListeners(0, this.signal);
  }

  /**
   * What must be awaited before the next row, if anything: what is on its way is bounded. Rejects with whatever an earlier row came to.
   * @param hash the partition key's bytes
   */
  add(row: PlannedRow, hash: Buffer): Promise<void> | undefined {
    const batch = this.planner.add(row, hash);
    return batch && this.send(batch);
  }

  /** Resolves when every row is written; rejects, if one was not, once nothing is on its way any more. */
  async end(): Promise<void> {
    try {
      for (const batch of this.planner.rest()) await this.send(batch);
    } finally {
      await Promise.all(this.running);
    }
    this.check();
  }

  /** Sends nothing more; what is on its way ends by itself. */
  cancel(): void {
    this.ended.abort(new Error('the load has ended'));
  }

  private async send(batch: Batch): Promise<void> {
    this.check();
    await this.window.enter(this.signal).catch((error: unknown) => {
      this.check();
      throw error;
    });
    const { patient } = this.options;
    const sent = this.window
      .run(() => this.write(batch.rows, batch.routingKey), this.signal, patient)
      .catch((error: unknown) => {
        this.failure ??= { error };
        this.cancel();
      })
      .finally(() => this.running.delete(sent));
    this.running.add(sent);
  }

  private async write(rows: readonly PlannedRow[], routingKey: Buffer): Promise<void> {
    const statements = rows.flatMap((row) => this.current(row));
    try {
      await this.session.writeBatch(statements, { routingKey, keyspace: this.options.keyspace, once: this.options.patient });
    } catch (error) {
      // Rows of one partition are never too much for the cluster.
      if (!isTooLarge(error) || rows.length < 2) throw error;
      this.limit.refused(weightOf(statements));
      const middle = Math.ceil(rows.length / 2);
      await this.write(rows.slice(0, middle), routingKey);
      await this.write(rows.slice(middle), routingKey);
    }
  }

  /** A row may have waited long: its life is what is left of it now. */
  private current({ statements, expiresAt }: PlannedRow): readonly Statement[] {
    const { lifeOf } = this.options;
    if (expiresAt === undefined || !lifeOf) return statements;
    const life = lifeOf(expiresAt);
    if (life === undefined) return [];
    return statements.map(({ query, params: [, ...rest] }) => ({ query, params: [life, ...rest] }));
  }

  private check(): void {
    if (this.failure) throw this.failure.error;
    this.options.signal?.throwIfAborted();
  }
}
