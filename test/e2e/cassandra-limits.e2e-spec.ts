import { TableBackend, createCassandraTableBackend } from '../../src/index';
import { cassandraIsThere, startCassandra } from '../setup/cassandra-service';
import { until, untilEqual } from '../setup/until';
import { digestOf, fillTable } from './cassandra-tables';
import { HeldCassandra } from './held-cassandra';
import { Json, ManagementClient, ManagementServer, expectStatus, startManagement } from './management-server';

const STARTED = 300_000;
const ITEMS = 2000;
/** In all of its ranges at once, if nothing limits it. */
const STEPS = 4;
const SIMPLE = { class: 'SimpleStrategy', replication_factor: 1 };

(cassandraIsThere('limits of running backups') ? describe : describe.skip)('limits of a backup that runs, on Cassandra', () => {
  let node: HeldCassandra;
  let tables: TableBackend;
  let server: ManagementServer;
  let client: ManagementClient;

  beforeAll(async () => {
    const { contactPoint, dataCenter } = await startCassandra();
    node = await HeldCassandra.start(contactPoint);
    tables = await createCassandraTableBackend({ contactPoints: [contactPoint], dataCenter, replication: SIMPLE });
    // What is held here must not be given up there.
    const held = await createCassandraTableBackend({ contactPoints: [node.contactPoint], dataCenter, replication: SIMPLE, requestTimeoutMillis: 3_600_000 });
    const jobs = { stepsPerProcess: STEPS, rangeBytes: 60_000, chunkBytes: 20_000, leaseSeconds: 60, backupLimit: { requestsInFlight: 1 } };
    server = await startManagement({ jobs, wrapBackend: () => held });
    client = server.client();
    await fillTable(tables, 'limited', ITEMS);
  }, STARTED);
  afterAll(async () => {
    node?.letGo();
    await server?.stop();
    await server?.backend.close();
    await tables?.close();
    node?.stop();
  });

  afterEach(() => node?.letGo());

  const backUp = async (): Promise<string> => String((await expectStatus(client.createBackup('limited', 'limited'), 202))['id']);
  const shown = (id: string): Promise<Json> => expectStatus(client.backup('limited', id), 200);
  const limit = (id: string, rate_limit: Json | null): Promise<Json> =>
    expectStatus(client.send('PATCH', `${client.table('limited')}/backups/${id}`, { rate_limit }), 200);
  const untilMade = (id: string): Promise<Json> => client.finished(() => client.backup('limited', id), 'CREATING');

  it('has no more pages on their way than the deployment lets it, or its own limit, which PATCH changes', async () => {
    // The driver may still read for the lane while it learns of the keyspace.
    await until(async () => {
      await untilMade(await backUp());
      return node.asked > 0;
    });
    node.hold();
    const id = await backUp();
    await untilEqual(() => node.pagesOnTheirWay, 1);
    expect((await shown(id))['rate_limit']).toEqual({ bytes_per_second: 8_000_000, requests_in_flight: 1, shared: true });
    // One more each time that one has been answered, and no second beside it.
    for (let page = 0; page < 5; page++) {
      const { asked } = node;
      node.answerOne();
      await until(() => node.asked > asked);
      expect(node.pagesOnTheirWay).toBe(1);
    }
    expect((await limit(id, { requests_in_flight: 3 }))['rate_limit']).toEqual({ requests_in_flight: 3 });
    await untilEqual(() => node.pagesOnTheirWay, 3);
    await limit(id, { requests_in_flight: 1000 });
    await untilEqual(() => node.pagesOnTheirWay, STEPS);
    node.letGo();
    expect(await untilMade(id)).toMatchObject({ status: 'CREATED', item_count: ITEMS });
  }, STARTED);

  it('stands still under a tiny limit, goes on without it, and has everything', async () => {
    // It must not be over before it is limited.
    node.hold();
    const id = await backUp();
    await limit(id, { items_per_second: 1 });
    node.letGo();
    // Others do not wait for it.
    const other = await backUp();
    await limit(other, { bytes_per_second: 1_000_000_000 });
    expect(await untilMade(other)).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    const before = await shown(id);
    expect(before).toMatchObject({ status: 'CREATING', rate_limit: { items_per_second: 1 } });
    expect((before['progress'] as Json)['items_done']).toBeLessThan(ITEMS / 2);
    await limit(id, null);
    expect(await untilMade(id)).toMatchObject({ status: 'CREATED', item_count: ITEMS });
    const restored = await expectStatus(client.createRestore('whole', { id }), 202);
    expect(await client.finished(() => client.restore('whole', restored['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    expect((await digestOf(tables, 'whole')).toJSON()).toEqual((await digestOf(tables, 'limited')).toJSON());
  }, STARTED);
});
