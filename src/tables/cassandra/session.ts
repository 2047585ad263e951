import { Client, Host, policies, types } from 'cassandra-driver';
import { unavailable } from './errors';
import { ResolvedOptions } from './options';
import type { LaneOptions } from './frames/lane-messages';
import { Ring } from './ring';

export type Values = readonly unknown[];

export interface Statement {
  readonly query: string;
  readonly params: Values;
}

export interface PageOptions {
  readonly fetchSize: number;
  readonly pageState?: string;
  /** To be asked, and no other if it fails: the caller tries again. */
  readonly node?: Host;
}

export interface BatchOptions {
  /** A partition key among them, and the keyspace: they say which node is asked. */
  readonly routingKey: Buffer;
  readonly keyspace: string;
  /** If it fails the caller tries again, not the driver with another node. */
  readonly once: boolean;
}

/** How a lightweight transaction ended, and, if it did not apply, what stood there. */
export interface Swap {
  readonly applied: boolean;
  readonly row: types.Row | undefined;
}

const AGREEMENT_SECONDS = 30;

/** Coordinators date the writes: their clocks also date lightweight transactions. (The typings lack null.) */
const SERVER_TIMESTAMPS: object = { timestampGeneration: null };

const ONCE = new policies.retry.FallthroughRetryPolicy();

/** The connection to the cluster. Statements are prepared; what is read is read with the configured consistency. */
export class Session {
  private readonly client: Client;
  /** Who holds which tokens. */
  readonly ring: Ring;
  private readonly consistency: types.consistencies;
  private readonly serialConsistency: types.consistencies;
  private clockOffset = 0;

  constructor(private readonly options: ResolvedOptions) {
    const { credentials, tls } = options;
    this.consistency = CONSISTENCIES[options.consistency];
    const local = options.consistency.startsWith('LOCAL');
    this.serialConsistency = local ? types.consistencies.localSerial : types.consistencies.serial;
    this.client = new Client({
      contactPoints: [...options.contactPoints],
      localDataCenter: options.dataCenter,
      ...(credentials ? { credentials: { ...credentials } } : {}),
      ...(tls ? { sslOptions: tls } : {}),
      encoding: { map: Map, set: Set },
      policies: SERVER_TIMESTAMPS,
      protocolOptions: { port: options.port, maxSchemaAgreementWaitSeconds: AGREEMENT_SECONDS },
      socketOptions: { connectTimeout: options.connectTimeoutMillis, readTimeout: options.requestTimeoutMillis },
      queryOptions: { consistency: this.consistency, serialConsistency: this.serialConsistency, prepare: true },
    });
    this.ring = new Ring(this.client, options.dataCenter);
    this.client.on('hostRemove', (node: Host) => letGo(node));
  }

  async connect(): Promise<void> {
    await this.client.connect();
  }

  async read(query: string, params: Values = []): Promise<types.Row[]> {
    const result = await this.client.execute(query, [...params], { isIdempotent: true, autoPage: false, fetchSize: 100_000 });
    return result.rows;
  }

  /** One page, and where to go on; no state: there is no more. */
  async page(query: string, params: Values, options: PageOptions): Promise<{ rows: types.Row[]; pageState: string | undefined }> {
    const { fetchSize, pageState, node } = options;
    const result = await this.client.execute(query, [...params], {
      isIdempotent: true,
      fetchSize,
      ...(pageState === undefined ? {} : { pageState }),
      ...(node === undefined ? {} : { host: node, retry: ONCE }),
    });
    return { rows: result.rows, pageState: result.pageState ?? undefined };
  }

  async write(query: string, params: Values = []): Promise<void> {
    await this.client.execute(query, [...params], { isIdempotent: true });
  }

  /** Statements on one partition, together or not at all. */
  async writeTogether(statements: readonly Statement[]): Promise<void> {
    const [first] = statements;
    if (!first) return;
    if (statements.length === 1) return this.write(first.query, first.params);
    const queries = statements.map(({ query, params }) => ({ query, params: [...params] }));
    await this.client.batch(queries, { prepare: true, logged: false, isIdempotent: true });
  }

  /** Statements on any partitions of the same nodes; if it fails, some of them may have been made. */
  async writeBatch(statements: readonly Statement[], { routingKey, keyspace, once }: BatchOptions): Promise<void> {
    const [first] = statements;
    if (!first) return;
    const options = { prepare: true, isIdempotent: true, routingKey, keyspace, ...(once ? { retry: ONCE } : {}) };
    // The driver only reads them.
    const queries = statements as { query: string; params: unknown[] }[];
    if (statements.length === 1) await this.client.execute(first.query, [...first.params], options);
    else await this.client.batch(queries, { ...options, logged: false });
  }

  /** A lightweight transaction: conditional statements on one partition. If its end is not known it throws. */
  async swap(...statements: readonly Statement[]): Promise<Swap> {
    const [first] = statements;
    const options = { isIdempotent: false, prepare: true };
    const result =
      statements.length === 1 && first
        ? await this.client.execute(first.query, [...first.params], options)
        : await this.client.batch(
            statements.map(({ query, params }) => ({ query, params: [...params] })),
            { ...options, logged: false },
          );
    const row = result.first() ?? undefined;
    return { applied: result.wasApplied(), row };
  }

  /** A change of the schema; every node has it when it resolves. @throws DomainError ServiceUnavailable if they do not agree in time */
  async changeSchema(cql: string): Promise<void> {
    const result = await this.client.execute(cql, [], { prepare: false });
    // The typings lack it.
    const { isSchemaInAgreement } = result.info as { readonly isSchemaInAgreement?: boolean };
    if (isSchemaInAgreement !== true) throw unavailable();
  }

  /** Milliseconds since the epoch, by the clock of a coordinator. */
  async now(): Promise<number> {
    const [row] = await this.read('SELECT toUnixTimestamp(now()) AS now FROM system.local');
    return toNumber(row?.['now']);
  }

  /** About the same, without asking: by what was last heard of that clock. */
  estimatedNow(): number {
    return Date.now() + this.clockOffset;
  }

  /** @param now of a row that has just been read */
  heardNow(now: number): void {
    this.clockOffset = now - Date.now();
  }

  /** How a lane beside the driver reaches the nodes, and reads from them. */
  get laneOptions(): LaneOptions {
    const { credentials, tls, requestTimeoutMillis, connectTimeoutMillis } = this.options;
    return { credentials, tls, connectMillis: connectTimeoutMillis, requestMillis: requestTimeoutMillis, consistency: this.consistency };
  }

  get requestTimeoutMillis(): number {
    return this.options.requestTimeoutMillis;
  }

  async close(): Promise<void> {
    await this.client.shutdown();
  }
}

const CONSISTENCIES = {
  ONE: types.consistencies.one,
  LOCAL_ONE: types.consistencies.localOne,
  QUORUM: types.consistencies.quorum,
  LOCAL_QUORUM: types.consistencies.localQuorum,
  EACH_QUORUM: types.consistencies.eachQuorum,
  ALL: types.consistencies.all,
};

/** When every node was away the driver makes its nodes anew, and forgets to end the old ones: they would try to connect for ever. (The typings lack it.) */
function letGo(node: Host & { shutdown?: (waitForPending: boolean) => Promise<void> }): void {
  node.shutdown?.(true).catch(() => undefined);
}

/** A `bigint` or `timestamp` column that is known to fit. */
export function toNumber(value: unknown): number {
  if (value instanceof Date) return value.getTime();
  return Number(String(value));
}
