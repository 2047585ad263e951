import { Clock, connectTimeoutOf, systemClock } from '../../kernel';

/** How to reach the PostgreSQL server (15 or newer) that keeps the tables, and how long to wait for it. */
export interface PostgresTableBackendOptions {
  /** `postgres://user:password@host:port/database`. A secret. The role must be allowed to create schemas. */
  readonly connectionString: string;
  /** Most connections of this process. Default 10. */
  readonly maxConnections?: number;
  /** Decides what has expired. Default: the system's. (Locks go by the server's clock.) */
  readonly clock?: Clock;
  /** A data call that takes longer ends in `ServiceUnavailable`. Milliseconds, default 30,000. */
  readonly statementTimeoutMillis?: number;
  /** The same for building indexes, loading, and reading ranges. Milliseconds, default six hours. */
  readonly maintenanceTimeoutMillis?: number;
  /** Longest wait for a connection, new or of the pool. Milliseconds; default: the URL's `connect_timeout` (seconds), else 5,000. */
  readonly connectTimeoutMillis?: number;
}

export type ResolvedOptions = Required<PostgresTableBackendOptions>;

export function resolveOptions(options: PostgresTableBackendOptions): ResolvedOptions {
  return {
    connectionString: options.connectionString,
    maxConnections: options.maxConnections ?? 10,
    clock: options.clock ?? systemClock,
    statementTimeoutMillis: options.statementTimeoutMillis ?? 30_000,
    maintenanceTimeoutMillis: options.maintenanceTimeoutMillis ?? 6 * 3_600_000,
    connectTimeoutMillis: options.connectTimeoutMillis ?? connectTimeoutOf(options.connectionString) ?? 5_000,
  };
}
