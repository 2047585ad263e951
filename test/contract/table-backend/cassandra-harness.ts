import { Client, types } from 'cassandra-driver';
import { CassandraTableBackendOptions, createCassandraTableBackend } from '../../../src/tables/cassandra';
import { TableBackend } from '../../../src/tables';
import { TableBackendHarness } from './harness';

/** The contract's harness on a node that is there. @param how to reach it */
export async function cassandraHarness(how: CassandraTableBackendOptions): Promise<TableBackendHarness> {
  let passed = 0;
  const clock = { now: (): number => Date.now() + passed };
  const opened: TableBackend[] = [];
  const open = async (): Promise<TableBackend> => {
    const backend = await createCassandraTableBackend({
      ...how,
      replication: { class: 'SimpleStrategy', replication_factor: 1 },
      clock,
      requestTimeoutMillis: 25_000,
      clusterWriteTimeoutMillis: 100,
    });
    opened.push(backend);
    return backend;
  };
  const backend = await open();
  const { contactPoints, dataCenter, credentials, tls } = how;
  const server = new Client({
    contactPoints: [...contactPoints],
    localDataCenter: dataCenter,
    ...(credentials ? { credentials: { ...credentials } } : {}),
    ...(tls ? { sslOptions: tls } : {}),
  });
  return {
    backend,
    open,
    expiryTolerance: 2,
    emptyHashKeys: false,
    now: () => Math.floor(clock.now() / 1000),
    pass: async (seconds) => {
      passed += seconds * 1000;
      await moveDeadlines(server, seconds);
    },
    cleanup: async () => {
      await server.shutdown();
      await Promise.all(opened.map((each) => each.close()));
    },
  };
}

/** Locks go by the server's clock, which no test can move. */
async function moveDeadlines(server: Client, seconds: number): Promise<void> {
  const { rows } = await server.execute('SELECT tenant, name, br_lock_deadline FROM magnetodb.table_info');
  for (const row of rows) {
    const deadline: unknown = row.get('br_lock_deadline');
    if (!(deadline instanceof types.Long)) continue;
    const moved = deadline.subtract(types.Long.fromNumber(seconds * 1000));
    const params = [moved, row.get('tenant'), row.get('name')];
    await server.execute('UPDATE magnetodb.table_info SET br_lock_deadline = ? WHERE tenant = ? AND name = ? IF EXISTS', params, { prepare: true });
  }
}
