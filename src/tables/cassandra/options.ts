import type { ConnectionOptions } from 'node:tls';
import { Clock, systemClock } from '../../kernel';

/** How to reach the Cassandra cluster (4.1 or newer) that keeps the tables. */
export interface CassandraTableBackendOptions {
  /** `host` or `host:port` of some nodes; the others are found, and asked at the same port (Cassandra's own, 9042, if none is named). */
  readonly contactPoints: readonly string[];
  /** The data centre to talk to. */
  readonly dataCenter: string;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Options of Node's TLS; undefined: connections are not encrypted. */
  readonly tls?: ConnectionOptions;
  /** Of reads and writes. Default LOCAL_QUORUM. */
  readonly consistency?: Consistency;
  /**
   * Replication of keyspaces that are made, as CQL's map of names and values. Default: three copies in `dataCenter`
   * (`NetworkTopologyStrategy`).
   */
  readonly replication?: Readonly<Record<string, string | number>>;
  /** Decides what has expired. Default: the system's. (Locks go by the server's clock.) */
  readonly clock?: Clock;
  /** A call to the cluster that takes longer ends in `ServiceUnavailable`. Milliseconds, default 12,000. */
  readonly requestTimeoutMillis?: number;
  /** A node that has not let a connection in for so long is taken for away. Milliseconds, default 5,000. */
  readonly connectTimeoutMillis?: number;
  /**
   * The cluster's own `write_request_timeout`: for so long after the end of a process a write of it may still land. Milliseconds, default
   * 2,000.
   */
  readonly clusterWriteTimeoutMillis?: number;
  /**
   * Are ranges read by a thread and connections of their own, as bytes, without making a value of each cell (docs/adr/0016-cassandra-frame-lane.md)? The
   * outcome is the same, at a small part of the processor time. Default true.
   */
  readonly frameLane?: boolean;
}

export type Consistency = 'ONE' | 'LOCAL_ONE' | 'QUORUM' | 'LOCAL_QUORUM' | 'EACH_QUORUM' | 'ALL';

export type ResolvedOptions = Required<Omit<CassandraTableBackendOptions, 'credentials' | 'tls'>> &
  Pick<CassandraTableBackendOptions, 'credentials' | 'tls'> & {
    /** Of every node. */
    readonly port: number;
  };

const CASSANDRA_PORT = 9042;

export function resolveOptions(options: CassandraTableBackendOptions): ResolvedOptions {
  return {
    ...options,
    port: portOf(options.contactPoints),
    consistency: options.consistency ?? 'LOCAL_QUORUM',
    replication: options.replication ?? { class: 'NetworkTopologyStrategy', [options.dataCenter]: 3 },
    clock: options.clock ?? systemClock,
    requestTimeoutMillis: options.requestTimeoutMillis ?? 12_000,
    connectTimeoutMillis: options.connectTimeoutMillis ?? 5_000,
    clusterWriteTimeoutMillis: options.clusterWriteTimeoutMillis ?? 2_000,
    frameLane: options.frameLane ?? true,
  };
}

/** What nodes tell of each other are addresses alone. */
function portOf(contactPoints: readonly string[]): number {
  const ports = contactPoints.map((point) => /^(?:\[[^\]]*\]|[^:]*):(\d+)$/.exec(point)?.[1]);
  return Number(ports.find((port) => port !== undefined) ?? CASSANDRA_PORT);
}
