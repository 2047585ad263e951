import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadSettings } from '../../src/gateway/setting';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { TableBackend, createCassandraTableBackend, createPostgresTableBackend } from '../../src/index';
import { cassandraIsThere, startCassandra } from '../setup/cassandra-service';
import { TestDatabase, createTestDatabase } from '../setup/database';
import { Json, ManagementClient, expectStatus } from './management-server';

const TOKEN = 'demo-token';
const STARTED = 300_000;
/** What reading an expiry back from Cassandra may be off. */
const EXPIRY_SECONDS = 2;
const LIFE_SECONDS = 5_000;

const DEFINED = { h: 'S', r: 'N', text: 'S', number: 'N', bytes: 'B', ss: 'SS', ns: 'NS', bs: 'BS', ssm: 'SSM', nnm: 'NNM', bbm: 'BBM' };

/** As the data API takes it. */
const TABLE = {
  attribute_definitions: Object.entries(DEFINED).map(([attribute_name, attribute_type]) => ({ attribute_name, attribute_type })),
  key_schema: [
    { attribute_name: 'h', key_type: 'HASH' },
    { attribute_name: 'r', key_type: 'RANGE' },
  ],
  local_secondary_indexes: ['text', 'number', 'bytes'].map((name) => ({
    index_name: `by_${name}`,
    key_schema: [
      { attribute_name: 'h', key_type: 'HASH' },
      { attribute_name: name, key_type: 'RANGE' },
    ],
    projection: { projection_type: 'ALL' },
  })),
};

/** Every type, defined by the table and not, with what is hard to keep. */
function item(index: number): Json {
  return {
    h: { S: `partition ${index % 5}` },
    r: { N: ['-1.5E50', '0', '1E-300', '12345678901234567890123456789012345678901234567890'][index % 4] + '' },
    text: { S: `${'nul \0 "quoted" \\ 🎉'.slice(index % 7)}${index}` },
    number: { N: String(index * 7 - 50) },
    bytes: { B: Buffer.from([index, 255, 0]).toString('base64') },
    ...(index % 3 === 0 ? {} : { ss: { SS: ['', `${index}`] }, ns: { NS: ['-0.5', '1E40', String(index)] }, bs: { BS: ['', 'AAE='] } }),
    ...(index % 4 === 0 ? {} : { ssm: { SSM: { __proto__x: '', '10': 'x' } }, nnm: { NNM: { '1E40': '-1' } }, bbm: { BBM: { 'AA==': '' } } }),
    'extra.text': { S: '' },
    'extra-number': { N: '1E999999999' },
    extra_bytes: { B: '' },
    extra_ss: { SS: ['b', 'a'] },
    extra_snm: { SNM: { k: '1' } },
    extra_sbm: { SBM: { k: 'AA==' } },
    extra_nsm: { NSM: { '1': 'one' } },
    extra_nbm: { NBM: { '0.1': 'AA==' } },
    extra_bsm: { BSM: { 'AA==': '' } },
    extra_bnm: { BNM: { '': '0' } },
  };
}

class Deployment {
  readonly management: ManagementClient;

  constructor(
    readonly gateway: RunningGateway,
    /** Behind the gateway's back. */
    readonly tables: TableBackend,
  ) {
    this.management = new ManagementClient(gateway.url, 'spec', TOKEN, 'demo');
  }

  async data(method: string, path: string, body?: unknown): Promise<Json> {
    return expectStatus(this.management.send(method, `/v1/data/demo/tables${path}`, body), 200);
  }

  /** Every item, by its key. */
  async items(table: string): Promise<Map<string, Json>> {
    const found = new Map<string, Json>();
    let start: unknown;
    do {
      const page = await this.data('POST', `/${table}/scan`, { limit: 13, ...(start === undefined ? {} : { exclusive_start_key: start }) });
      for (const each of page['items'] as Json[]) found.set(JSON.stringify([each['h'], each['r']]), sortedSets(each));
      start = page['last_evaluated_key'];
    } while (start !== undefined);
    return found;
  }

  /** Of the one item that expires. */
  async expiry(name: string): Promise<number> {
    const key = new Map([['h', { type: 'S' as const, value: 'mortal' }], ['r', { type: 'N' as const, value: '1' }]]);
    return (await this.tables.getItem({ projectId: 'demo', name }, key, { consistent: true }))?.expiresAt ?? Infinity;
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    await this.tables.close();
  }

  async backUp(table: string, location: string): Promise<Json> {
    const made = await this.management.madeBackup(table, 'nightly', { strategy: { format: 'db-agnostic', location: { type: 'external', url: location } } });
    expect(made).toMatchObject({ status: 'CREATED' });
    return made;
  }

  async restore(table: string, body: Json): Promise<Json> {
    const asked = await expectStatus(this.management.createRestore(table, body), 202);
    return this.management.finished(() => this.management.restore(table, asked['id']), 'RESTORING');
  }
}

/** Sets have no order. */
function sortedSets(each: Json): Json {
  const entries = Object.entries(each as Record<string, Json>).map(([name, typed]) => {
    const [type = '', value] = Object.entries(typed)[0] ?? [];
    return [name, { [type]: Array.isArray(value) ? [...(value as string[])].sort() : value }] as const;
  });
  return Object.fromEntries(entries);
}

const describeOnCassandra = cassandraIsThere('backup and restore') ? describe : describe.skip;

describeOnCassandra('gateways on Cassandra and on PostgreSQL', () => {
  let folder: string;
  let databases: TestDatabase[];
  let cassandra: Deployment;
  let postgres: Deployment;
  const items = Array.from({ length: 20 }, (_each, index) => item(index));

  beforeAll(async () => {
    const node = await startCassandra();
    folder = await realpath(await mkdtemp(join(tmpdir(), 'cassandra-')));
    databases = [await createTestDatabase(), await createTestDatabase()];
    await mkdir(join(folder, 'shared'));
    const start = (name: string, env: Record<string, string>): Promise<RunningGateway> => {
      const settings = loadSettings(GatewaySettings, {
        PORT: '0',
        DATA_DIR: join(folder, name),
        DATABASE_URL: databases.at(name === 'cassandra' ? 0 : 1)?.url ?? '',
        ALLOWED_FOLDERS: join(folder, 'shared'),
        DEV_TOKENS: `${TOKEN}=demo:member`,
        LOG_LEVEL: 'silent',
        ...env,
      });
      return startGateway(settings);
    };
    const { contactPoint, dataCenter } = node;
    const onPostgres = await createPostgresTableBackend({ connectionString: databases[1]?.url ?? '' });
    postgres = new Deployment(await start('postgres', {}), onPostgres);
    const env = { CASSANDRA_CONTACT_POINTS: contactPoint, CASSANDRA_DATA_CENTER: dataCenter, CASSANDRA_REPLICATION: `${dataCenter}:1` };
    const gateway = await start('cassandra', { TABLES_BACKEND: 'cassandra', ...env });
    cassandra = new Deployment(gateway, await createCassandraTableBackend({ contactPoints: [contactPoint], dataCenter }));
  }, STARTED);
  afterAll(async () => {
    await Promise.all([cassandra?.stop(), postgres?.stop()]);
    await Promise.all((databases ?? []).map((database) => database.drop()));
    await rm(folder, { recursive: true, force: true });
  });

  const place = (name: string): string => pathToFileURL(join(folder, 'shared', name)).href;

  /** A table of this test's run: the node is shared. */
  async function fill(deployment: Deployment): Promise<string> {
    const table = `all_types_${Date.now()}`;
    await deployment.data('POST', '', { table_name: table, ...TABLE });
    for (const each of items) await deployment.data('POST', `/${table}/put_item`, { item: each });
    const mortal = { h: { S: 'mortal' }, r: { N: '1' } };
    await deployment.data('POST', `/${table}/put_item`, { item: mortal, time_to_live: LIFE_SECONDS });
    return table;
  }

  it('hold every type alike, and query by every index in order', async () => {
    const [onCassandra, onPostgres] = [await fill(cassandra), await fill(postgres)];
    const held = await cassandra.items(onCassandra);
    expect(held.size).toBe(items.length + 1);
    expect(held).toEqual(await postgres.items(onPostgres));
    for (const name of ['text', 'number', 'bytes']) {
      const query = { key_conditions: { h: { attribute_value_list: [{ S: 'partition 1' }], comparison_operator: 'EQ' } }, index_name: `by_${name}` };
      const [ours, theirs] = await Promise.all([
        cassandra.data('POST', `/${onCassandra}/query`, query),
        postgres.data('POST', `/${onPostgres}/query`, query),
      ]);
      expect(ours['count']).toBe(4);
      expect((ours['items'] as Json[]).map(sortedSets)).toEqual((theirs['items'] as Json[]).map(sortedSets));
    }
  });

  it.each([
    ['Cassandra', 'PostgreSQL'],
    ['PostgreSQL', 'Cassandra'],
    ['Cassandra', 'Cassandra'],
  ])('restore on each other, item by item: from %s on %s', async (from, to) => {
    const on = (name: string): Deployment => (name === 'Cassandra' ? cassandra : postgres);
    const table = await fill(on(from));
    const location = place(`${from}-${to}`);
    const backup = await on(from).backUp(table, location);
    expect(backup).toMatchObject({ status: 'CREATED' });
    const links = backup['links'] as { rel: string; href: string }[];
    const source = links.find(({ rel }) => rel === 'location')?.href;
    const target = `${table}_restored`;
    const restored = await on(to).restore(target, { source });
    expect(restored).toMatchObject({ status: 'RESTORED' });
    expect(await on(to).items(target)).toEqual(await on(from).items(table));
    const [before, after] = [await on(from).expiry(table), await on(to).expiry(target)];
    expect(before - Date.now() / 1000).toBeLessThan(LIFE_SECONDS + EXPIRY_SECONDS);
    expect(Math.abs(after - before)).toBeLessThanOrEqual(2 * EXPIRY_SECONDS);
  });
});
