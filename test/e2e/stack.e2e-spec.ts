import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect as connectAmqp } from 'amqplib';
import { Client } from 'cassandra-driver';
import type { Stack } from '../../demo/stack';
import { newCredentialsKey } from '../../src/index';
import { cassandraIsThere } from '../setup/cassandra-service';
import { pythonIsThere } from '../setup/keystone-service';
import { rabbitmqIsThere } from '../setup/rabbitmq-service';
import { SwiftService } from '../setup/swift-service';
import { until } from '../setup/until';
import { DataApiClient, ok } from './data-api-server';
import { startKeystoneGateway } from './keystone-gateway';
import { ManagementClient, expectStatus, refused } from './management-server';

const ROOT = resolve(__dirname, '../..');
const bash = async (script: string, env: NodeJS.ProcessEnv = process.env, args: readonly string[] = []): Promise<string> =>
  (await promisify(execFile)('bash', ['-euc', script, 'bash', ...args], { env })).stdout;

const portOf = (url: string): number => Number(/:([0-9]+)(\/|$)/.exec(url)?.[1]);
const listens = (url: string): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(portOf(url), '127.0.0.1', () => done(true));
    socket.once('error', () => done(false)).once('connect', () => socket.destroy());
  });

([rabbitmqIsThere, pythonIsThere, cassandraIsThere].every((isThere) => isThere('npm run stack')) ? describe : describe.skip)('npm run stack', () => {
  // What a run that is broken off leaves is known to the run's reaper by its pid file.
  const folder = join(process.env.TEST_RUN_DIR ?? '', 'services/stack');
  const readyFile = join(folder, 'ready.json');
  const said = (): Promise<string> => readFile(join(folder, 'log/stack.log'), 'utf8');
  let ready: Stack;
  let pid: number;
  /** What has ended stays listed (Z) until its parent asks. */
  const runs = (): boolean => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

  beforeAll(async () => {
    const command = [process.execPath, '-r', join(ROOT, 'test/setup/swc-register.js'), join(ROOT, 'demo/stack.ts'), '--ready-file', readyFile];
    await bash(`. '${ROOT}/test/services/openstack/lib.sh'; launch stack "$@"`, { ...process.env, SERVICES_DIR: folder }, command);
    pid = Number.parseInt(await readFile(join(folder, 'run/stack.pid'), 'utf8'), 10);
    await until(() => existsSync(readyFile) || !runs(), 240_000);
    if (!runs()) throw new Error(await said());
    ready = await until(async () => JSON.parse(await readFile(readyFile, 'utf8')) as Stack);
  }, 260_000);
  afterAll(async () => {
    if (runs()) process.kill(pid, 'SIGTERM');
    await until(() => !runs(), 90_000);
  }, 100_000);

  let first: Promise<Record<string, unknown>> | undefined;
  /** What the printed lines make, once: the backup as it is listed when it is over. */
  const firstBackup = (): Promise<Record<string, unknown>> => {
    first ??= (async () => {
      await bash(ready.first_backup.join('\n'));
      const logInAndList = [ready.first_backup[0], ready.first_backup.at(-1)].join('\n');
      return until(async () => {
        const { backups } = JSON.parse(await bash(logInAndList)) as { backups: Record<string, unknown>[] };
        expect(backups).toHaveLength(1);
        return backups[0]?.['status'] === 'CREATING' ? undefined : backups[0];
      });
    })();
    return first;
  };

  it('prints what makes the first backup: with a token of Keystone’s, of a table in Cassandra, in Swift, told to RabbitMQ', async () => {
    const text = await said();
    for (const url of [ready.gateway, ready.cassandra, ready.keystone, ready.swift, ready.rabbitmq]) expect(text).toContain(url);
    const lines = (text.split('and what became of it:\n')[1] ?? '').split('\n').filter((line) => line !== '');
    expect(lines).toEqual(ready.first_backup);
    const backup = await firstBackup();
    expect(backup).toMatchObject({ backup_name: 'first', table_name: 'threads', status: 'CREATED', item_count: 1 });
    expect(String(backup['location'])).toContain(ready.swift);

    const cassandra = new Client({ contactPoints: [ready.cassandra], localDataCenter: 'datacenter1' });
    const { rows } = await cassandra.execute('SELECT keyspace_name FROM system_schema.keyspaces');
    await cassandra.shutdown();
    expect(rows.map((row) => String(row['keyspace_name']))).toContain(`u_${ready.project}`);

    const rabbit = await connectAmqp(ready.rabbitmq.replace('rabbit:', 'amqp:').replace(/\/$/, ''));
    const channel = await rabbit.createChannel();
    await until(async () => (await channel.checkQueue('notifications.info')).messageCount === 2);
    await rabbit.close();
  });

  it('makes backups that a user of another cloud restores from the URL alone, with credentials in the strategy', async () => {
    const source = (await firstBackup())['location'];
    const { keystone } = await SwiftService.shared();
    expect(keystone.ids.projects).not.toEqual(expect.objectContaining({ demo: ready.project }));
    const hosts = [ready.keystone, ready.swift].map((url) => new URL(url).host);
    const elsewhere = await startKeystoneGateway(keystone, { ALLOWED_HOSTS: hosts.join(','), CREDENTIALS_KEYS: newCredentialsKey('test') });
    try {
      const project = keystone.ids.projects['other'] ?? '';
      const token = await keystone.logIn('stranger', { project: 'other' });
      const client = new ManagementClient(elsewhere.url, 'spec', token, project);
      const credentials = { auth_url: ready.keystone, username: 'magnetodb', password: 'magnetodb-secret', project_name: 'service' };
      const asking = (password: string): ReturnType<typeof client.createRestore> =>
        client.createRestore('received', { source, strategy: { location: { credentials: { ...credentials, password } } } });
      await refused(asking('member-secret'), 400, 'ValidationError', /credentials/);
      const job = await expectStatus(asking(credentials.password), 202);
      expect(await client.finished(() => client.restore('received', job['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
      const { items } = await ok(new DataApiClient(elsewhere.url, token, project).call('received', 'scan', {}));
      expect(items).toEqual([{ forum: { S: 'MagnetoDB' }, views: { N: '7' } }]);
    } finally {
      await elsewhere.stop();
    }
  }, 300_000);

  it('ends with Ctrl-C, and leaves nothing', async () => {
    process.kill(pid, 'SIGINT');
    await until(() => !runs(), 90_000);
    expect(await Promise.all([ready.gateway, ready.cassandra, ready.keystone, ready.swift, ready.rabbitmq].map(listens))).toEqual(Array(5).fill(false));
    expect(existsSync(ready.folder)).toBe(false);
  }, 100_000);
});
