import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createCassandraTableBackend, TableBackend } from '../../src/index';
import { MapArchiveStore } from '../fakes/map-archive-store';
import { SampleItem, writeSampleArchive } from '../fakes/sample-archive';
import { cassandraIsThere, startCassandra } from '../setup/cassandra-service';
import { until } from '../setup/until';
import { BadDaysGateway, Door, startBadDays } from './bad-days-gateway';
import { Json, ManagementClient, expectStatus } from './management-server';

const describeOnCassandra = cassandraIsThere('restores') ? describe : describe.skip;

describeOnCassandra('a restore on Cassandra', () => {
  let gateway: BadDaysGateway;
  let client: ManagementClient;
  let tables: TableBackend;
  let archives = 0;
  /** The node is shared. */
  const run = Date.now();

  beforeAll(async () => {
    const node = await startCassandra();
    tables = await createCassandraTableBackend({
      contactPoints: [node.contactPoint],
      dataCenter: node.dataCenter,
      replication: { class: 'SimpleStrategy', replication_factor: 1 },
      requestTimeoutMillis: 30_000,
    });
    gateway = await startBadDays({ maxAttempts: 1 }, undefined, tables);
    client = gateway.client();
  }, 300_000);
  afterEach(() => gateway?.heal());
  afterAll(async () => {
    await gateway?.stop();
    await tables?.close();
  });

  const sample = (city: string, note = '', expiresAt?: number): SampleItem => ({
    item: { city: { S: city }, rank: { N: '1' }, note: { S: note } },
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });

  async function restore(table: string, items: readonly SampleItem[]): Promise<() => Promise<Json>> {
    const store = new MapArchiveStore();
    await writeSampleArchive(store, { compression: 'none', items });
    const folder = join(gateway.outside, `archive-${(archives += 1)}`);
    for (const [name, body] of store.objects) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), body);
    }
    const { id } = await expectStatus(client.createRestore(table, { source: pathToFileURL(folder).href }), 202);
    return () => client.finished(() => client.restore(table, id), 'RESTORING');
  }

  it('that finds two different items of one key fails, naming the key', async () => {
    const ended = await restore(`collides_${run}`, [sample('a'), sample('twice', 'one'), sample('b'), sample('twice', 'two')]);
    expect(await ended()).toMatchObject({
      status: 'RESTORE_FAILED',
      error: { type: 'KeyCollision', message: 'Two different items have the key {"city":{"S":"twice"},"rank":{"N":"1"}}.' },
    });
  });

  it('is proved although items of it expire before they are read back; the others keep what is left of their lives', async () => {
    const now = Math.floor(Date.now() / 1000);
    const [soon, later] = [now + 4, now + 5_000];
    const ready = new Door();
    gateway.before('sealBuild', ready.wait);
    const table = `passing_${run}`;
    const ended = await restore(table, [sample('immortal'), sample('gone', '', now - 1), sample('soon', '', soon), sample('later', '', later)]);
    await ready.reached;
    await until(() => Date.now() / 1000 > soon + 3);
    ready.open();
    expect(await ended()).toMatchObject({ status: 'RESTORED' });
    const keyOf = (city: string): Map<string, { type: 'S' | 'N'; value: string }> =>
      new Map([['city', { type: 'S', value: city }], ['rank', { type: 'N', value: '1' }]]); // prettier-ignore
    const find = (city: string): ReturnType<TableBackend['getItem']> => tables.getItem({ projectId: 'demo', name: table }, keyOf(city), { consistent: true });
    expect(await find('gone')).toBeUndefined();
    expect(await find('soon')).toBeUndefined();
    expect((await find('immortal'))?.expiresAt).toBeUndefined();
    expect(Math.abs(((await find('later'))?.expiresAt ?? 0) - later)).toBeLessThanOrEqual(2);
  });
});
