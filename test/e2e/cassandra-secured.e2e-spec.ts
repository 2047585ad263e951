import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { loadSettings } from '../../src/gateway/setting';
import { GatewaySettings } from '../../src/gateway/settings';
import { startGateway } from '../../src/gateway/start';
import { cassandraOptions, openTables } from '../../src/gateway/tables';
import { describeBackups } from '../contract/table-backend/backup.contract';
import { describeBuilds } from '../contract/table-backend/builds.contract';
import { cassandraHarness } from '../contract/table-backend/cassandra-harness';
import { describeItems } from '../contract/table-backend/items.contract';
import { describeLocks } from '../contract/table-backend/locks.contract';
import { describeMerges } from '../contract/table-backend/merges.contract';
import { cassandraIsThere, startNode, stopNode } from '../setup/cassandra-service';
import { createTestDatabase } from '../setup/database';
import { Session } from '../../src/tables/cassandra/session';
import { resolveOptions } from '../../src/tables/cassandra/options';
import { totalWeight } from '../../src/tables/cassandra/ring-cuts';
import { until } from '../setup/until';
import { digestOf, fillTable } from './cassandra-tables';
import { ManagementClient, expectStatus } from './management-server';

/** Who Cassandra makes at its first start. */
const LOGIN = { CASSANDRA_USERNAME: 'cassandra', CASSANDRA_PASSWORD: 'cassandra' };
const KEYSTORE_PASSWORD = 'of-the-tests';

/** An authority, and a certificate by it for 127.0.0.1 as Java reads it; another authority that made nothing. */
const MAKE_CERTIFICATES = `
authority() { openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 2 -subj "/CN=$1"; }
authority trusted; authority stranger
openssl req -newkey rsa:2048 -nodes -keyout node.key -out node.csr -subj /CN=node
printf 'subjectAltName=IP:127.0.0.1' >names
openssl x509 -req -in node.csr -CA trusted.pem -CAkey trusted.key -CAcreateserial -days 2 -extfile names -out node.pem
openssl pkcs12 -export -in node.pem -inkey node.key -certfile trusted.pem -out keystore.p12 -passout pass:${KEYSTORE_PASSWORD}
`;

(cassandraIsThere('a cluster with passwords and TLS') ? describe : describe.skip)('a Cassandra that asks for a password and speaks TLS only', () => {
  let folder: string;
  let contactPoint: string;

  const settings = (env: Record<string, string>): GatewaySettings =>
    loadSettings(GatewaySettings, { TABLES_BACKEND: 'cassandra', CASSANDRA_CONTACT_POINTS: contactPoint, CASSANDRA_REPLICATION: 'datacenter1:1', ...env });
  const trusting = (authority: string): Record<string, string> => ({ CASSANDRA_TLS: 'true', CASSANDRA_CA_FILE: join(folder, `${authority}.pem`) });
  /** What is said of a start with these settings. */
  const refusal = async (env: Record<string, string>): Promise<string> => {
    const error = await openTables(settings(env), '').then((backend) => backend.close(), (thrown: unknown) => thrown);
    return error instanceof Error ? error.message : 'it started';
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cassandra-secured-'));
    await writeFile(join(folder, 'make.sh'), MAKE_CERTIFICATES);
    await promisify(execFile)('bash', ['-eu', 'make.sh'], { cwd: folder });
    const tls = { enabled: 'true', optional: 'false', keystore: join(folder, 'keystore.p12'), keystore_password: KEYSTORE_PASSWORD, store_type: 'PKCS12' };
    const said = ['authenticator=PasswordAuthenticator', 'authorizer=CassandraAuthorizer'];
    said.push(...Object.entries(tls).map(([name, value]) => `client_encryption_options.${name}=${value}`));
    ({ contactPoint } = await startNode('secured', { CASS_SETTINGS: said.join(' '), CASS_HEAP: '400M', CASS_SIZES_SECONDS: '2' }));
    // The first user is made a little after the port is open.
    await until(async () => (await refusal({ ...LOGIN, ...trusting('trusted') })) === 'it started');
  }, 400_000);
  afterAll(async () => {
    await stopNode('secured', { kill: true });
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ['a wrong password', { ...LOGIN, CASSANDRA_PASSWORD: 'wrong-secret' }, 'trusted', /refuses the user name and password/],
    ['an unknown user', { ...LOGIN, CASSANDRA_USERNAME: 'wrong-secret' }, 'trusted', /refuses the user name and password/],
    ['no password', {}, 'trusted', /or asks for them/],
    ['an authority that did not make its certificate', LOGIN, 'stranger', /certificate of the tables database is not trusted/],
  ])('is not started on with %s, and the reason is told, but no host and no secret', async (_what, login, authority, reason) => {
    const message = await refusal({ ...login, ...trusting(authority) });
    expect(message).toMatch(reason);
    expect(message).not.toMatch(/127\.0\.0\.1|wrong-secret|at .*:\d+/);
  });

  it('is not talked to where its certificate is for another address, or without encryption', async () => {
    const elsewhere = createServer((socket) => {
      const node = connect(Number(contactPoint.split(':')[1]), '127.0.0.1');
      pipeline(socket, node, socket).catch(() => undefined);
    }).listen(0, '127.0.0.2');
    await once(elsewhere, 'listening');
    const { port } = elsewhere.address() as AddressInfo;
    const message = await refusal({ ...LOGIN, ...trusting('trusted'), CASSANDRA_CONTACT_POINTS: `127.0.0.2:${port}` });
    elsewhere.close();
    expect(message).toMatch(/is not for this host/);
    expect(await refusal(LOGIN)).toMatch(/cannot be reached/);
  });

  it('is backed up and restored on by a gateway', async () => {
    const database = await createTestDatabase();
    const env = { PORT: '0', DATA_DIR: join(folder, 'gateway'), DATABASE_URL: database.url, DEV_TOKENS: 'demo-token=demo:member', LOG_LEVEL: 'silent' };
    const gateway = await startGateway(settings({ ...LOGIN, ...trusting('trusted'), ...env }));
    const tables = await openTables(settings({ ...LOGIN, ...trusting('trusted') }), '');
    try {
      const client = new ManagementClient(gateway.url, 'spec', 'demo-token', 'demo');
      await fillTable(tables, 'threads', 500);
      const backup = await client.madeBackup('threads', 'nightly');
      expect(backup).toMatchObject({ status: 'CREATED' });
      const asked = await expectStatus(client.createRestore('restored', { [client.keys.from]: backup['id'] }), 202);
      expect(await client.finished(() => client.restore('restored', asked['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
      const restored = await digestOf(tables, 'restored');
      expect(restored.total().count).toBe(500);
      expect(restored.toJSON()).toEqual((await digestOf(tables, 'threads')).toJSON());
    } finally {
      await gateway.stop();
      await tables.close();
      await database.drop();
    }
  });

  describe('keeps the contract through the settings', () => {
    const make = async () => cassandraHarness(await cassandraOptions(settings({ ...LOGIN, ...trusting('trusted') })));
    describeItems(make);
    describeBackups(make);
    describeBuilds(make);
    describeMerges(make);
    describeLocks(make);
  });

  // Last: a node begins to estimate half a minute after its start.
  it('estimates how large tables are where it has them on disk, and they are cut by that', async () => {
    const options = await cassandraOptions(settings({ ...LOGIN, ...trusting('trusted') }));
    const tables = await openTables(settings({ ...LOGIN, ...trusting('trusted') }), '');
    const session = new Session(resolveOptions(options));
    try {
      await session.connect();
      await fillTable(tables, 'estimated', 5000);
      const handle = await tables.openTable({ projectId: 'demo', name: 'estimated' });
      const [keyspace = '', table = ''] = handle.generation.split('@')[0]?.split('.') ?? [];
      await session.changeSchema(`ALTER TABLE "${keyspace}"."${table}" WITH memtable_flush_period_in_ms = 1000`);
      const weights = await until(async () => {
        const told = await session.ring.estimates(keyspace, table);
        return totalWeight(told) > 0 && told;
      });
      // Of 5,000 rows of some 200 bytes; the ring is told of whole.
      expect(totalWeight(weights)).toBeGreaterThan(400_000);
      expect(totalWeight(weights)).toBeLessThan(4_000_000);
      expect(weights.reduce((sum, { after, upTo }) => sum + (upTo - after), 0n)).toBe(2n ** 64n - 1n);
      const ranges = await tables.splitRanges(handle, { targetBytes: 100_000, maxRanges: 1000 });
      expect(Math.abs(ranges.length - totalWeight(weights) / 100_000)).toBeLessThan(2);
      const items = await Promise.all(ranges.map(async (range) => {
        let found = 0;
        for await (const block of tables.readRange(handle, range, { digestOnly: true })) found += block.itemCount;
        return found;
      }));
      expect(items.reduce((sum, found) => sum + found, 0)).toBe(5000);
      expect(Math.max(...items)).toBeLessThan(2000);
    } finally {
      await session.close();
      await tables.close();
    }
  });
});
