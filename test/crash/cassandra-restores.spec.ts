import { createCassandraTableBackend } from '../../src/index';
import { expectStatus } from '../e2e/management-server';
import { cassandraIsThere, startCassandra } from '../setup/cassandra-service';
import { until } from '../setup/until';
import { Deployment } from './deployment';

const ITEMS = 1_000;
/** Where one process after the other dies: with chunks on their way, and with others loaded. */
const POINTS = ['restore.load.after-batch=kill@2', 'restore.load.after-chunk=kill@2'];

const describeOnCassandra = cassandraIsThere('killing gateways in restores') ? describe : describe.skip;

describeOnCassandra('SIGKILL in a restore on Cassandra', () => {
  let deployment: Deployment;

  beforeAll(async () => {
    const { contactPoint, dataCenter } = await startCassandra();
    const settings = {
      TABLES_BACKEND: 'cassandra',
      CASSANDRA_CONTACT_POINTS: contactPoint,
      CASSANDRA_DATA_CENTER: dataCenter,
      CASSANDRA_REPLICATION: `${dataCenter}:1`,
    };
    const options = { contactPoints: [contactPoint], dataCenter, replication: { class: 'SimpleStrategy', replication_factor: 1 } };
    deployment = await Deployment.start(settings, () => createCassandraTableBackend(options));
  }, 300_000);
  afterAll(() => deployment?.stop());

  it('is carried on by another process, and another, to the same items', async () => {
    // The node is shared.
    const table = await deployment.makeTable(`killed_${Date.now()}`, 0, ITEMS);
    const digest = await deployment.digestOf(table);
    const { client } = deployment;
    const backup = await deployment.whileWorking(() => client.madeBackup(table));
    const target = `${table}_restored`;
    const { id } = await expectStatus(client.createRestore(target, { id: backup['id'] }), 202);
    for (const point of POINTS) {
      const gateway = await deployment.gateway(point).start();
      await until(() => !gateway.running);
      expect({ point, ...(await gateway.exited) }).toEqual({ point, code: null, signal: 'SIGKILL' });
    }
    const ended = await deployment.whileWorking(() => client.finished(() => client.restore(target, id), 'RESTORING'));
    expect(ended).toMatchObject({ status: 'RESTORED' });
    expect((await deployment.digestOf(target)).differingBuckets(digest)).toEqual([]);
  });
});
