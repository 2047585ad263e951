import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect as connectAmqp } from 'amqplib';
import { Client } from 'cassandra-driver';
import { cassandraIsThere } from '../setup/cassandra-service';
import { pythonIsThere } from '../setup/keystone-service';
import { rabbitmqIsThere } from '../setup/rabbitmq-service';
import { until } from '../setup/until';

const ROOT = resolve(__dirname, '../..');
const bash = async (script: string, env: NodeJS.ProcessEnv = process.env, args: readonly string[] = []): Promise<string> =>
  (await promisify(execFile)('bash', ['-euc', script, 'bash', ...args], { env })).stdout;

interface Ready {
  readonly gateway: string;
  readonly cassandra: string;
  readonly keystone: string;
  readonly swift: string;
  readonly rabbitmq: string;
  readonly project: string;
  readonly first_backup: readonly string[];
  readonly folder: string;
}

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
  let ready: Ready;
  let pid: number;
  /** What has ended stays listed (Z) until its parent asks. */
  const runs = (): boolean => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

  beforeAll(async () => {
    const command = [process.execPath, '-r', join(ROOT, 'test/setup/swc-register.js'), join(ROOT, 'demo/stack.ts'), '--ready-file', readyFile];
    await bash(`. '${ROOT}/test/services/openstack/lib.sh'; launch stack "$@"`, { ...process.env, SERVICES_DIR: folder }, command);
    pid = Number.parseInt(await readFile(join(folder, 'run/stack.pid'), 'utf8'), 10);
    await until(() => existsSync(readyFile) || !runs(), 240_000);
    if (!runs()) throw new Error(await said());
    ready = await until(async () => JSON.parse(await readFile(readyFile, 'utf8')) as Ready);
  }, 260_000);
  afterAll(async () => {
    if (runs()) process.kill(pid, 'SIGTERM');
    await until(() => !runs(), 90_000);
  }, 100_000);

  it('prints what makes the first backup: with a token of Keystone’s, of a table in Cassandra, in Swift, told to RabbitMQ', async () => {
    const text = await said();
    for (const url of [ready.gateway, ready.cassandra, ready.keystone, ready.swift, ready.rabbitmq]) expect(text).toContain(url);
    const lines = (text.split('and what became of it:\n')[1] ?? '').split('\n').filter((line) => line !== '');
    expect(lines).toEqual(ready.first_backup);
    await bash(lines.join('\n'));
    const logInAndList = [lines[0], lines.at(-1)].join('\n');
    const backup = await until(async () => {
      const { backups } = JSON.parse(await bash(logInAndList)) as { backups: Record<string, unknown>[] };
      expect(backups).toHaveLength(1);
      return backups[0]?.['status'] === 'CREATING' ? undefined : backups[0];
    });
    expect(backup).toMatchObject({ backup_name: 'first', table_name: 'threads', status: 'CREATED', item_count: 1 });
    expect(String(backup?.['location'])).toContain(ready.swift);

    const cassandra = new Client({ contactPoints: [ready.cassandra], localDataCenter: 'datacenter1' });
    const { rows } = await cassandra.execute('SELECT keyspace_name FROM system_schema.keyspaces');
    await cassandra.shutdown();
    expect(rows.map((row) => String(row['keyspace_name']))).toContain(`u_${ready.project}`);

    const rabbit = await connectAmqp(ready.rabbitmq.replace('rabbit:', 'amqp:').replace(/\/$/, ''));
    const channel = await rabbit.createChannel();
    await until(async () => (await channel.checkQueue('notifications.info')).messageCount === 2);
    await rabbit.close();
  });

  it('ends with Ctrl-C, and leaves nothing', async () => {
    process.kill(pid, 'SIGINT');
    await until(() => !runs(), 90_000);
    expect(await Promise.all([ready.gateway, ready.cassandra, ready.keystone, ready.swift, ready.rabbitmq].map(listens))).toEqual(Array(5).fill(false));
    expect(existsSync(ready.folder)).toBe(false);
  }, 100_000);
});
