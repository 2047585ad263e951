import { Client, Host, types } from 'cassandra-driver';
import { MAX_TOKEN, MIN_TOKEN } from './positions';

/** How much there is of a table in the tokens behind `after`, up to and with `upTo`. */
export interface TokenWeight {
  readonly after: bigint;
  readonly upTo: bigint;
  readonly bytes: number;
}

/** What the driver knows of the cluster: who holds which tokens. */
export class Ring {
  constructor(
    private readonly client: Pick<Client, 'metadata' | 'hosts' | 'execute'>,
    private readonly dataCenter: string,
  ) {}

  /** Nodes of the data centre that are up. */
  get size(): number {
    return this.near().length;
  }

  /** The last tokens of the ring's token ranges, ascending. */
  ends(): bigint[] {
    const ends = [...this.client.metadata.getTokenRanges()].map(({ end }) => BigInt(end.toString()));
    return ends.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  /** The nodes of the data centre that hold the token and are up, the first copy's before the others'; none: the keyspace is not known yet. */
  replicas(keyspace: string, token: bigint): Host[] {
    try {
      const { metadata } = this.client;
      const holders = metadata.getReplicas(keyspace, metadata.newToken(String(token))) as readonly Host[] | null;
      const near = new Set(this.near());
      return (holders ?? []).filter((host) => near.has(host));
    } catch {
      // The driver is just refreshing what it knows: any node will do.
      return [];
    }
  }

  /** A partition's token. Good for choosing nodes and middles, not for bounds: these are the server's. */
  tokenOf(hash: Buffer): bigint {
    return BigInt(this.client.metadata.newToken(hash).toString());
  }

  /**
   * What every node believes of its own part of a table, by the last count that it made (Cassandra's `size_recorder_interval`): local, late, and without
   * what is not on its disk yet. A node that does not answer is left out.
   */
  async estimates(keyspace: string, table: string): Promise<TokenWeight[]> {
    const query = `SELECT range_start, range_end, mean_partition_size, partitions_count FROM system.table_estimates
      WHERE keyspace_name = ? AND table_name = ? AND range_type = 'local_primary'`;
    const told = await Promise.all(
      this.near().map(async (host) => {
        const options = { host, prepare: true, isIdempotent: true, consistency: types.consistencies.one, fetchSize: 100_000 };
        return this.client.execute(query, [keyspace, table], options).then(
          ({ rows }) => rows.flatMap(weightsOf),
          () => [],
        );
      }),
    );
    return told.flat();
  }

  private near(): Host[] {
    return this.client.hosts.values().filter((host) => host.isUp() && host.datacenter === this.dataCenter);
  }
}

/** A row of estimates; the range that goes over the ring's end in two parts. */
function weightsOf(row: types.Row): TokenWeight[] {
  const [after, upTo] = [BigInt(String(row['range_start'])), BigInt(String(row['range_end']))];
  const bytes = Number(String(row['mean_partition_size'])) * Number(String(row['partitions_count']));
  if (after < upTo) return [{ after, upTo, bytes }];
  const whole = Number(MAX_TOKEN - after + (upTo - MIN_TOKEN));
  const parts = [
    { after, upTo: MAX_TOKEN },
    { after: MIN_TOKEN, upTo },
  ];
  return parts
    .filter((part) => part.after < part.upTo)
    .map((part) => ({ ...part, bytes: whole === 0 ? 0 : (bytes * Number(part.upTo - part.after)) / whole }));
}
