import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, types } from 'cassandra-driver';
import { CassandraNode, nodeEnvironment, startNode, stopNode } from './cassandra-service';
import { until } from './until';

const NODES = ['a', 'b', 'c'] as const;
export type NodeName = (typeof NODES)[number];
const HOSTS: Readonly<Record<NodeName, string>> = { a: '127.0.0.1', b: '127.0.0.2', c: '127.0.0.3' };

/** Small, with system tables that outlive a kill, and patient with each other on a machine with much else to do. */
const SETTINGS = { CASS_HEAP: '320M', CASS_UNSAFE: 'false', CASS_RING_DELAY_MS: '120000' };

/** Three nodes on addresses of their own of the loopback interface. */
export class CassandraCluster {
  private constructor(
    readonly first: CassandraNode,
    private readonly storagePort: string,
  ) {}

  /** One after another, as Cassandra wants nodes to join. */
  static async start(): Promise<CassandraCluster> {
    const first = await startNode('a', SETTINGS);
    const storagePort = await readFile(join(nodeEnvironment().SERVICES_DIR ?? '', 'a', 'storage-port'), 'utf8');
    const cluster = new CassandraCluster(first, storagePort.trim());
    await cluster.startNode('b');
    await cluster.startNode('c');
    await cluster.whole();
    return cluster;
  }

  /** Resolves when it answers; the others may learn that later. */
  async startNode(name: NodeName): Promise<void> {
    const ports = { CASS_CQL_PORT: this.first.contactPoint.split(':')[1] ?? '', CASS_STORAGE_PORT: this.storagePort };
    await startNode(name, { ...SETTINGS, ...ports, CASS_HOST: HOSTS[name], CASS_SEEDS: HOSTS.a });
  }

  stopNode(name: NodeName, how: { readonly kill: boolean }): Promise<void> {
    return stopNode(name, how);
  }

  /** Resolves when every node takes part again: a read that wants all three copies is answered. */
  async whole(): Promise<void> {
    await until(async () => {
      const client = new Client({
        contactPoints: [this.first.contactPoint],
        localDataCenter: this.first.dataCenter,
        protocolOptions: { port: Number(this.first.contactPoint.split(':')[1]) },
      });
      try {
        await client.execute('SELECT * FROM system_distributed.parent_repair_history LIMIT 1', [], { consistency: types.consistencies.all });
        const nodes = client.hosts.values();
        return nodes.length === NODES.length && nodes.every((node) => node.isUp());
      } catch {
        return false;
      } finally {
        await client.shutdown();
      }
    });
  }

  async stop(): Promise<void> {
    await Promise.all(NODES.map((name) => stopNode(name, { kill: true })));
  }
}
