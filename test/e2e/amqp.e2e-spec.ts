import { ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadSettings } from '../../src/gateway/setting';
import { GatewaySettings } from '../../src/gateway/settings';
import { startGateway } from '../../src/gateway/start';
import { NotificationEvent, amqp } from '../../src/notifications';
import { sampleEvent } from '../contract/notification-sender.contract';
import { Deployment } from '../crash/deployment';
import { pythonIsThere } from '../setup/keystone-service';
import { RabbitmqService, rabbitmqIsThere } from '../setup/rabbitmq-service';
import { until } from '../setup/until';
import { AmqpConsumer } from './amqp-consumer';
import { amqpOutboxTests } from './amqp-outbox-tests';
import { amqpSenderTests } from './amqp-sender-tests';
import { Json, expectStatus } from './management-server';

const SERVICES = join(__dirname, '../services/openstack');
/** As the gateway declares, and quick to come back. */
const LISTENING = '?amqp_durable_queues=true&rabbit_interval_max=1&kombu_reconnect_delay=0.1';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A Python program that listens with oslo.messaging. */
class Listener {
  readonly lines: string[] = [];
  private errors = '';

  private constructor(private readonly process: ChildProcess) {
    if (process.stdout) createInterface(process.stdout).on('line', (line) => this.lines.push(line));
    process.stderr?.on('data', (text: Buffer) => (this.errors += text.toString()));
  }

  static start(...args: readonly string[]): Listener {
    const python = execFileSync(join(SERVICES, 'python-env.sh'), { encoding: 'utf8' }).trim();
    return new Listener(spawn(join(python, 'bin/python'), args, { stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  async says(pattern: RegExp): Promise<void> {
    await until(() => this.lines.some((line) => pattern.test(line)) || this.process.exitCode !== null, 60_000);
    if (this.process.exitCode !== null) throw new Error(`the listener ended: ${this.errors}`);
  }

  /** In order of arrival, without repetitions. */
  get heard(): NotificationEvent[] {
    const all = this.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as NotificationEvent);
    return [...new Map(all.reverse().map((one) => [one.message_id, one] as const)).values()].reverse();
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}

(rabbitmqIsThere('AMQP') ? describe : describe.skip)('notifications to RabbitMQ', () => {
  let broker: RabbitmqService;
  beforeAll(async () => {
    broker = await RabbitmqService.start();
  }, 180_000);
  afterAll(() => broker?.stop());

  amqpSenderTests(() => broker);
  amqpOutboxTests(() => broker);

  (pythonIsThere('oslo.messaging') ? describe : describe.skip)('reach a listener of oslo.messaging', () => {
    let deployment: Deployment;
    let listener: Listener;
    beforeAll(async () => {
      listener = Listener.start(join(SERVICES, 'notification-listener.py'), broker.url + LISTENING, 'magnetodb', 'notifications');
      [deployment] = await Promise.all([Deployment.start({ AMQP_URL: broker.url, AMQP_DURABLE: 'true' }), listener.says(/^listening$/)]);
    }, 180_000);
    afterAll(async () => {
      await deployment?.stop();
      await listener?.stop();
    });

    const of = (id: unknown): NotificationEvent[] => listener.heard.filter(({ payload }) => [payload['backup_id'], payload['restore_job_id']].includes(id));
    const typesOf = (id: unknown, prefix = 'magnetodb.'): string[] => of(id).map(({ event_type }) => event_type).filter((type) => type.startsWith(prefix));
    const hears = (id: unknown, type: string): Promise<boolean> => until(() => typesOf(id).includes(type));
    /** So slow that it stands in the middle until it is let go. */
    const slow = (path: string, limited = true): Promise<Json> =>
      expectStatus(deployment.client.send('PATCH', path, { rate_limit: limited ? { items_per_second: 1 } : null }), 200);

    it('with the names and payloads of MagnetoDB’s events: of a backup made and deleted, and of a restore', async () => {
      const { client } = deployment;
      const table = await deployment.makeTable('told', 0, 300);
      await deployment.whileWorking(async () => {
        const backupId = (await client.madeBackup(table))['id'];
        const restored = await expectStatus(client.createRestore('told_again', { id: backupId }), 202);
        await client.finished(() => client.restore('told_again', restored['id']), 'RESTORING');
        await client.deleteBackup(table, backupId);
        await hears(backupId, 'magnetodb.backup.delete.end');

        const common = { project_id: 'demo', table_name: table, table_id: expect.stringMatching(UUID), start_date_time: expect.stringMatching(TIME) };
        const backup = { ...common, backup_id: backupId, backup_name: 'nightly', strategy: expect.objectContaining({ type: 'full' }) };
        const done = { finish_date_time: expect.stringMatching(TIME), item_count: 300 };
        const made = { ...backup, ...done, size_bytes: expect.any(Number) };
        expect(of(backupId).filter(({ event_type }) => event_type.startsWith('magnetodb.backup')).map(({ event_type, priority, payload }) => ({ event_type, priority, payload }))).toEqual([
          { event_type: 'magnetodb.backup.create.start', priority: 'INFO', payload: { ...backup, status: 'CREATING' } },
          { event_type: 'magnetodb.backup.create.end', priority: 'INFO', payload: { ...made, status: 'CREATED' } },
          { event_type: 'magnetodb.backup.delete.start', priority: 'INFO', payload: { ...made, status: 'DELETING' } },
          { event_type: 'magnetodb.backup.delete.end', priority: 'INFO', payload: { ...made, status: expect.any(String) } },
        ]);
        const restore = { project_id: 'demo', table_name: 'told_again', backup_id: backupId, restore_job_id: restored['id'], source: expect.stringMatching(/^file:/), start_date_time: expect.stringMatching(TIME) };
        expect(of(restored['id']).map(({ event_type, priority, payload }) => ({ event_type, priority, payload }))).toEqual([
          { event_type: 'magnetodb.restore.start', priority: 'INFO', payload: expect.objectContaining({ ...restore, status: 'RESTORING' }) },
          { event_type: 'magnetodb.restore.end', priority: 'INFO', payload: { ...restore, ...done, table_id: expect.stringMatching(UUID), status: 'RESTORED' } },
        ]);
        for (const { publisher_id, message_id, timestamp } of of(backupId)) {
          expect({ publisher_id, message_id, timestamp }).toEqual({
            publisher_id: expect.stringMatching(/^magnetodb\.\S+$/),
            message_id: expect.stringMatching(UUID),
            timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/),
          });
        }
      });
    }, 120_000);

    it.each([
      ['killed', () => broker.kill()],
      ['stopped by its operator', () => broker.stop()],
    ] as const)('all of them, and in order, after the broker was %s in the middle of a backup and of a restore', async (how, end) => {
      const { client } = deployment;
      const table = await deployment.makeTable(`broken_${how.length}`, 0, 600);
      const source = await deployment.whileWorking(() => client.madeBackup(table));
      // Nobody works on them yet.
      const backup = await expectStatus(client.createBackup(table), 202);
      const restore = await expectStatus(client.createRestore(`${table}_mended`, { id: source['id'] }), 202);
      const failing = await expectStatus(client.createRestore(`${table}_given_up`, { id: source['id'] }), 202);
      const paths = [`${client.table(table)}/backups/${String(backup['id'])}`, `${client.table(`${table}_mended`)}/restores/${String(restore['id'])}`];
      const givenUp = `${client.table(`${table}_given_up`)}/restores/${String(failing['id'])}`;
      for (const path of [...paths, givenUp]) await slow(path);
      const kept = { exchange: table, topic: table, durable: true };
      const sender = amqp(broker.url, kept);
      for (let sent = 0; sent < 20; sent += 1) await sender.send(sampleEvent('start'), new AbortController().signal);
      await sender.close();

      await deployment.whileWorking(async () => {
        await hears(backup['id'], 'magnetodb.backup.create.start');
        await hears(restore['id'], 'magnetodb.restore.start');
        await hears(failing['id'], 'magnetodb.restore.start');
        await end();
        await expectStatus(client.send('DELETE', givenUp), 200);
        for (const path of paths) await slow(path, false);
        expect(await client.finished(() => client.backup(table, backup['id']), 'CREATING')).toMatchObject({ status: 'CREATED' });
        expect(await client.finished(() => client.restore(`${table}_mended`, restore['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
        const waiting = `SELECT last_error FROM magnetodb_backup.event_deliveries WHERE sender = 'amqp' AND state = 'pending' AND last_error IS NOT NULL`;
        const [failed] = await until(async () => {
          const rows = await deployment.query<{ last_error: string }>(waiting);
          return rows.length > 0 && rows;
        });
        expect(failed?.last_error).toMatch(/^the (connection to the broker was lost|broker is being shut down.*|broker cannot be reached \((ECONNREFUSED|ECONNRESET)\))$/);
        await broker.startAgain();
        // Their pauses have grown; nobody has to sit through them.
        const soon = `UPDATE magnetodb_backup.event_deliveries SET next_attempt_at = now() WHERE sender = 'amqp' AND state = 'pending' AND last_error IS NOT NULL AND next_attempt_at > now() + interval '4 seconds'`;
        await until(async () => {
          await deployment.query(soon);
          return typesOf(backup['id']).includes('magnetodb.backup.create.end') && [restore, failing].every(({ id }) => typesOf(id).length > 1);
        }, 90_000);
      });
      expect(typesOf(backup['id'], 'magnetodb.backup')).toEqual(['magnetodb.backup.create.start', 'magnetodb.backup.create.end']);
      expect(typesOf(restore['id'])).toEqual(['magnetodb.restore.start', 'magnetodb.restore.end']);
      expect(of(failing['id']).map(({ event_type, priority, payload }) => ({ event_type, priority, payload }))).toMatchObject([
        { event_type: 'magnetodb.restore.start', priority: 'INFO', payload: { status: 'RESTORING' } },
        { event_type: 'magnetodb.restore.error', priority: 'ERROR', payload: { status: 'RESTORE_FAILED', error: { type: 'Cancelled', message: expect.any(String) } } },
      ]);
      const events = await deployment.query<{ message_id: string }>('SELECT message_id FROM magnetodb_backup.events');
      expect(listener.heard.map(({ message_id }) => message_id).sort()).toEqual(events.map(({ message_id }) => message_id).sort());

      const consumer = await AmqpConsumer.of(broker.url);
      expect((await consumer.channel.checkQueue(`${table}.info`)).messageCount).toBe(20);
      await consumer.close();
    }, 240_000);

    it('that is written as the documentation shows', async () => {
      const [, program = ''] = /```python3\n([^]*?)```/.exec(readFileSync('docs/notifications.md', 'utf8')) ?? [];
      const shown = Listener.start('-c', program.replace(/rabbit:\/\/[^"]*/, broker.url).replace('"magnetodb"', '"shown"').replace('"notifications"', '"shown"'));
      const sender = amqp(broker.url, { exchange: 'shown', topic: 'shown' });
      try {
        const event = sampleEvent('error');
        await until(() => sender.send({ ...event, payload: { table_name: 'threads', status: 'CREATE_FAILED' } }, new AbortController().signal).then(() => shown.lines.length > 0, () => false));
        expect(shown.lines[0]).toBe(`magnetodb.backup.create.error threads CREATE_FAILED ${event.message_id}`);
      } finally {
        await sender.close();
        await shown.stop();
      }
    });
  });
});

describe('the gateway’s settings of RabbitMQ', () => {
  it('load no client of AMQP before the first event', () => {
    const script = `require('./test/setup/swc-register.js');
      require('./src/notifications').amqp('rabbit://broker/');
      process.stdout.write(String(Object.keys(require.cache).some((file) => file.includes('node_modules/amqplib'))));`;
    expect(execFileSync(process.execPath, ['-e', script], { cwd: join(__dirname, '../..'), encoding: 'utf8' })).toBe('false');
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ AMQP_URL: 'rabbit://a:s3cret@h/?color=red' }, /^AMQP_URL: it has unknown options: color$/],
    [{ AMQP_URL: 'rabbit://s3cret@h/' }, /^AMQP_URL: a host has a user without a name or password/],
    [{ AMQP_CERT_FILE: '/nowhere' }, /^AMQP_CERT_FILE and AMQP_KEY_FILE need each other$/],
    [{ AMQP_CA_FILE: '/nowhere' }, /^AMQP_CA_FILE: .*ENOENT/],
    [{ AMQP_CA_FILE: __filename }, /^AMQP_CA_FILE: the file is not PEM$/],
  ])('keep it from starting if they make no sense: %j', async (settings, message) => {
    const error: unknown = await startGateway(loadSettings(GatewaySettings, settings)).catch((caught: unknown) => caught);
    expect(String((error as Error).message)).toMatch(message);
    expect(String((error as Error).message)).not.toContain('s3cret');
  });
});
