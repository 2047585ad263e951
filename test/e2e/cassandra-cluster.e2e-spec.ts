import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '../../src/gateway/setting';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { openTables } from '../../src/gateway/tables';
import { TableBackend } from '../../src/index';
import { CassandraCluster, NodeName } from '../setup/cassandra-cluster';
import { cassandraIsThere } from '../setup/cassandra-service';
import { TestDatabase, createTestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { digestOf, fillTable } from './cassandra-tables';
import { Answer, Json, ManagementClient, expectStatus } from './management-server';

const ITEMS = 1500;
/** So slow that a job is under way for as long as a test wants, and fast enough to be seen going on. */
const SLOW = { rate_limit: { items_per_second: 60 } };

/** Three copies, LOCAL_QUORUM: nothing but where the cluster is has to be said. */
(cassandraIsThere('a cluster of three nodes') ? describe : describe.skip)('a cluster of three Cassandra nodes', () => {
  let folder: string;
  let cluster: CassandraCluster;
  let database: TestDatabase;
  let tables: TableBackend;
  let api: RunningGateway;
  let client: ManagementClient;

  const settings = (env: Record<string, string>): GatewaySettings =>
    loadSettings(GatewaySettings, {
      TABLES_BACKEND: 'cassandra',
      CASSANDRA_CONTACT_POINTS: cluster.first.contactPoint,
      PORT: '0',
      DATA_DIR: folder,
      DATABASE_URL: database.url,
      DEV_TOKENS: 'demo-token=demo:member',
      LOG_LEVEL: 'silent',
      RANGE_BYTES: String(64 * 1024),
      CHUNK_BYTES: String(8 * 1024),
      ...env,
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cassandra-cluster-'));
    database = await createTestDatabase();
    cluster = await CassandraCluster.start();
    api = await startGateway(settings({ STEPS_PER_PROCESS: '0' }));
    client = new ManagementClient(api.url, 'spec', 'demo-token', 'demo');
    tables = await openTables(settings({}), '');
    await fillTable(tables, 'threads', ITEMS);
  }, 600_000);
  afterAll(async () => {
    await tables?.close();
    await api?.stop();
    await database?.drop();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 120_000);

  /** What a job that waits becomes, if a node goes once it works, and comes back when it has gone on without it. */
  async function withoutFor(node: NodeName, how: { kill: boolean }, path: string, running: string): Promise<Json> {
    const look = (): Promise<Answer> => client.get(path);
    const done = async (): Promise<number> => {
      const job = await expectStatus(look(), 200);
      expect(job).toMatchObject({ status: running });
      return (job['progress'] as { items_done?: number } | undefined)?.items_done ?? 0;
    };
    const change = (body: Json): Promise<Json> => expectStatus(client.send('PATCH', path, body), 200);
    await change(SLOW);
    const worker = await startGateway(settings({}));
    try {
      await until(async () => (await done()) > 0);
      await cluster.stopNode(node, how);
      const before = await done();
      await until(async () => (await done()) > before);
      await change({ paused: true });
      await cluster.startNode(node);
      await cluster.whole();
      await change({ paused: false, rate_limit: null });
      return await client.finished(look, running);
    } finally {
      await worker.stop();
    }
  }

  it('loses a node in the middle of a backup, and the one it was told of in the middle of a restore, and all is equal', async () => {
    const backup = await expectStatus(client.createBackup('threads'), 202);
    const path = `${client.table('threads')}/backups/${String(backup['id'])}`;
    expect(await withoutFor('c', { kill: true }, path, 'CREATING')).toMatchObject({ status: 'CREATED', item_count: ITEMS });

    const restore = await expectStatus(client.createRestore('restored', { [client.keys.from]: backup['id'] }), 202);
    const ended = await withoutFor('a', { kill: false }, `${client.table('restored')}/restores/${String(restore['id'])}`, 'RESTORING');
    expect(ended).toMatchObject({ status: 'RESTORED' });
    const restored = await digestOf(tables, 'restored');
    expect(restored.total().count).toBe(ITEMS);
    expect(restored.toJSON()).toEqual((await digestOf(tables, 'threads')).toJSON());
  }, 600_000);
});
