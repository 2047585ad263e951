import { readFileSync } from 'node:fs';
import { loadSettings, settingsTable } from './setting';
import { GatewaySettings } from './settings';

const load = (env: Record<string, string>): GatewaySettings => loadSettings(GatewaySettings, env);

describe('the gateway’s settings', () => {
  it('have the documented defaults without any environment, or with empty variables', () => {
    const settings = load({ PORT: '', DATABASE_URL: '', DEV_TOKENS: '', ALLOWED_HOSTS: '' });
    expect(settings).toEqual(new GatewaySettings());
    expect(settings).toMatchObject({ port: 8480, host: '127.0.0.1', dataDir: './data', databaseUrl: undefined, devTokens: undefined, allowedFolders: [], allowedHosts: [] });
  });

  it.each<[Record<string, string>, Partial<GatewaySettings>]>([
    [{ PORT: '0' }, { port: 0 }],
    [{ DATABASE_URL: 'postgresql://u:p@h:5432/d?sslmode=require' }, { databaseUrl: 'postgresql://u:p@h:5432/d?sslmode=require' }],
    [
      { TABLES_BACKEND: 'cassandra', CASSANDRA_CONTACT_POINTS: 'a.example, 10.0.0.1:9043,[::1]:9042', CASSANDRA_REPLICATION: 'dc1:3, dc-2:2' },
      { tablesBackend: 'cassandra', cassandraContactPoints: ['a.example', '10.0.0.1:9043', '[::1]:9042'], cassandraReplication: ['dc1:3', 'dc-2:2'] },
    ],
    [{ OBJECTS_URL: 'file:///srv/objects' }, { objectsUrl: 'file:///srv/objects' }],
    [{ OBJECTS_URL: 'swift://backups-{project}', OBJECTS_ACCESS: 'trust' }, { objectsUrl: 'swift://backups-{project}', objectsAccess: 'trust', objectsInterface: 'public' }],
    [{ OBJECTS_URL: 'swift+https://swift.example/v1/AUTH_{project}/backups', OBJECTS_INTERFACE: 'internal' }, { objectsUrl: 'swift+https://swift.example/v1/AUTH_{project}/backups', objectsInterface: 'internal' }],
    [{ ALLOWED_FOLDERS: '/a, /b/c/,' }, { allowedFolders: ['/a', '/b/c/'] }],
    [{ ALLOWED_HOSTS: 'a.example, b.example:9000, *.c.example, [::1]:80' }, { allowedHosts: ['a.example', 'b.example:9000', '*.c.example', '[::1]:80'] }],
    [{ DEV_TOKENS: 'tokenA=demo:member;tokenB=other:admin,member' }, { devTokens: 'tokenA=demo:member;tokenB=other:admin,member' }],
    [{ DEV_TOKENS: 'a=b=demo:reader; c=d.e-f:x ;' }, { devTokens: 'a=b=demo:reader; c=d.e-f:x ;' }],
    [{ KEYSTONE_URL: 'https://keystone.example:5000/v3' }, { keystoneUrl: 'https://keystone.example:5000/v3' }],
    [{ TRUST_PROXY: 'true', EXCLUSIVE_GATEWAYS: 'false' }, { trustProxy: true, exclusiveGateways: 'false' }],
    [{ PUBLIC_URL: 'https://magnetodb.example', LOG_LEVEL: 'silent' }, { publicUrl: 'https://magnetodb.example', logLevel: 'silent' }],
    [{ WEBHOOK_URL: 'https://a.example/hook?key=1', WEBHOOK_SECRET: 'whsec_AAAA, whsec_BBBB==' }, { webhookUrl: 'https://a.example/hook?key=1', webhookSecret: ['whsec_AAAA', 'whsec_BBBB=='] }],
    [{ STEPS_PER_PROCESS: '0', MAX_BACKUPS_PER_PROJECT: '1' }, { stepsPerProcess: 0, maxBackupsPerProject: 1 }],
  ])('takes %p', (env, expected) => {
    expect(load(env)).toMatchObject(expected);
  });

  it.each([
    ['PORT', ['http', '-1', '65536', '80.5', '1e3', ' 80', '99999999999999999999']],
    ['DATABASE_URL', ['nonsense', 'mysql://u:p@h/d', 'postgresql://']],
    ['TABLES_BACKEND', ['mysql', 'Cassandra']],
    ['CASSANDRA_CONTACT_POINTS', ['http://a.example', 'a b', 'a:port']],
    ['CASSANDRA_TLS', ['yes']],
    ['CASSANDRA_CONSISTENCY', ['quorum', 'ANY']],
    ['CASSANDRA_REPLICATION', ['3', 'dc1', 'dc1:0', 'dc1:three']],
    ['OBJECTS_URL', ['objects', '/srv/objects', 'file://objects', 's3://bucket/prefix', 'swift:///container', 'swift://a b']],
    ['OBJECTS_AUTH_URL', ['keystone.example', 'http://user:password@keystone.example']],
    ['OBJECTS_ACCESS', ['user', 'SERVICE']],
    ['OBJECTS_INTERFACE', ['outside']],
    ['OBJECTS_TRUST_SECONDS', ['0', '3599']],
    ['OBJECTS_SEGMENT_BYTES', ['0', '1.5']],
    ['ALLOWED_FOLDERS', ['a', '/', '/a/../b', '/a/./b', '/.', '/a,b']],
    ['ALLOWED_HOSTS', ['http://a.example', 'a.example/path', '*', '*.', 'a b', 'a.example:port']],
    ['DEV_TOKENS', ['nonsense', 'token=demo', '=demo:member', 'token=demo:', 'a=demo:member;b', 'tok en=demo:member']],
    ['KEYSTONE_URL', ['keystone.example', 'ftp://keystone.example', 'http://user:password@keystone.example', 'http://a b']],
    ['PUBLIC_URL', ['magnetodb.example', 'https://a.example?x=1', 'https://a.example/#x']],
    ['EXCLUSIVE_GATEWAYS', ['yes', '1', 'TRUE']],
    ['TRUST_PROXY', ['yes', '1', 'TRUE']],
    ['LOG_LEVEL', ['loud', 'INFO']],
    ['METRICS_PUBLIC', ['yes', '1']],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', ['collector:4318', 'grpc://collector:4317']],
    ['OTEL_TRACES_SAMPLER_ARG', ['2', '-1', '1.5', 'all']],
    ['MAX_JOBS', ['0', '-5', 'many']],
    ['MAX_JOBS_PER_PROJECT', ['0']],
    ['STEPS_PER_PROCESS', ['-1', '65']],
    ['LEASE_SECONDS', ['0', '3601', '1.5']],
    ['MAX_ATTEMPTS', ['0', '101']],
    ['REPLACE_GRACE_SECONDS', ['-1']],
    ['SWEEP_SECONDS', ['0']],
    ['RANGE_BYTES', ['0']],
    ['MAX_RANGES', ['0', '100001']],
    ['CHUNK_BYTES', ['0', '67108864']],
    ['MAX_BODY_BYTES', ['1023']],
    ['MAX_ITEM_BYTES', ['1023']],
    ['WEBHOOK_URL', ['a.example', 'ftp://a.example/', 'https://user:password@a.example/', 'https://a.example/#x']],
    ['WEBHOOK_SECRET', ['s3cret', 'whsec_', 'whsec_AAAA,other']],
    ['AMQP_URL', ['rabbit1:5672', 'http://rabbit1/', 'rabbit://a b/']],
    ['AMQP_EXCHANGE', ['amq.topic', 'a b']],
    ['AMQP_TOPIC', ['#', 'a.*', 'a b']],
    ['AMQP_DURABLE', ['yes']],
    ['AMQP_QUEUES', ['many', 'true']],
    ['NOTIFICATION_TIMEOUT_SECONDS', ['0', '101']],
    ['NOTIFICATION_GIVE_UP_SECONDS', ['-1', 'never']],
    ['NOTIFICATION_MAX_ATTEMPTS', ['0']],
    ['NOTIFICATION_RETENTION_SECONDS', ['59']],
    ['MAX_BACKUPS_PER_PROJECT', ['0', 'none']],
    ['MAX_BACKUP_BYTES_PER_PROJECT', ['0', '1 GB']],
    ['REQUESTS_PER_SECOND_PER_PROJECT', ['0', '0.5']],
    ['REQUEST_BURST_PER_PROJECT', ['0']],
    ['DATA_REQUESTS_PER_SECOND_PER_PROJECT', ['0']],
    ['DATA_REQUEST_BURST_PER_PROJECT', ['0']],
    ['MAX_LOCK_SECONDS', ['0', '3601', 'none']],
  ])('refuse bad values of %s, naming it', (name, values) => {
    for (const value of values) expect(() => load({ [name]: value })).toThrow(new RegExp(`^settings: ${name} must `));
  });

  it('never show a secret when they refuse it', () => {
    for (const [name, value] of [['DEV_TOKENS', 's3cret'], ['DATABASE_URL', 's3cret'], ['KEYSTONE_URL', 'http://u:s3cret@h'], ['WEBHOOK_SECRET', 's3cret'], ['WEBHOOK_URL', 'http://u:s3cret@h'], ['AMQP_URL', 'http://u:s3cret@h']] as const) {
      expect(() => load({ [name]: value })).toThrow(/^(?!.*s3cret)/);
    }
  });

  it('name every bad one at once', () => {
    expect(() => load({ PORT: 'x', TRUST_PROXY: 'x', MAX_JOBS: '0' })).toThrow(
      'settings: PORT must be an integer; TRUST_PROXY must be true or false; MAX_JOBS must not be less than 1',
    );
  });

  it('of docs/operations.md for an OpenStack are such', () => {
    const [, file = ''] = /```ini\n([^]*?)```/.exec(readFileSync('docs/operations.md', 'utf8')) ?? [];
    const lines = file.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
    const env = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
    expect(lines.length).toBeGreaterThan(10);
    for (const name of Object.keys(env)) if (name !== 'NODE_ENV') expect(settingsTable(GatewaySettings)).toContain(`\`${name}\``);
    expect(load(env)).toMatchObject({ tablesBackend: 'cassandra', objectsUrl: 'swift://magnetodb-backups-{project}', keystoneUsername: 'magnetodb' });
  });

  it('are what docs/settings.md shows', () => {
    const table = settingsTable(GatewaySettings);
    expect(table.split('\n').length).toBeGreaterThan(30);
    const shown = readFileSync('docs/settings.md', 'utf8');
    expect(shown.slice(shown.indexOf('| variable |'))).toBe(`${table}\n`);
  });
});
