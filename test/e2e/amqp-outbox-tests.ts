import { DataSource } from 'typeorm';
import { openDataSource } from '../../src/database';
import { newId, systemClock } from '../../src/kernel';
import { AmqpSender, EventDeliveryEntity, EventEntity, NewEvent, Notifier, OutboxDispatcher, amqp } from '../../src/notifications';
import { TcpProxy } from '../fakes/tcp-proxy';
import { TestDatabase, createTestDatabase } from '../setup/database';
import { RabbitmqService } from '../setup/rabbitmq-service';
import { until } from '../setup/until';
import { AmqpConsumer } from './amqp-consumer';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const JOBS = 60;

/** The outbox and a real broker, with connections that break all the time. */
export function amqpOutboxTests(running: () => RabbitmqService): void {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await openDataSource({ url: database.url, entities: [EventEntity, EventDeliveryEntity], maxConnections: 20 });
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it('lose nothing, and keep the order of each job, over connections that break in every state', async () => {
    const broker = running();
    const consumer = await AmqpConsumer.of(broker.url);
    const proxy = await TcpProxy.to(broker.port);
    const senderOf = (): AmqpSender => amqp(`rabbit://openstack:openstack-secret@127.0.0.1:${proxy.port}/`, consumer.options);
    const dispatchers = [senderOf(), senderOf()].map((sender) => new OutboxDispatcher({ dataSource, senders: [sender], log: silent, pollMillis: 20, backoffMillis: 5, maxBackoffMillis: 50 }));
    const notifier = new Notifier({ clock: systemClock, senders: [senderOf()] });
    const jobs = Array.from({ length: JOBS }, () => newId());
    const event = (jobId: string, phase: NewEvent['phase']): NewEvent => ({ jobId, operation: 'backup.create', phase, payload: { job: jobId } });
    for (const phase of ['start', 'end'] as const) {
      await dataSource.transaction(async (tx) => {
        for (const job of jobs) await notifier.enqueue(tx, event(job, phase));
      });
    }
    const pending = async (): Promise<number> => Number((await dataSource.query(`SELECT count(*) FROM magnetodb_backup.event_deliveries WHERE state = 'pending'`))[0].count);
    let connections = 0;
    try {
      // In the handshake, while queues are declared, between two messages, before a confirmation: each connection a little later than the last.
      proxy.cutAfter(() => 3 + (((connections += 1) * 7) % 60));
      for (const dispatcher of dispatchers) dispatcher.start();
      await until(async () => (await pending()) <= JOBS);
      proxy.cutAfter(undefined);
      await until(async () => (await pending()) === 0);

      const arrived = new Map((await consumer.events()).reverse().map((one) => [one.message_id, one] as const));
      const firsts = [...arrived.values()].reverse();
      const phases = jobs.map((job) => firsts.filter(({ payload }) => payload['job'] === job).map(({ event_type }) => event_type.split('.').at(-1)));
      expect(phases).toEqual(jobs.map(() => ['start', 'end']));
      expect(connections).toBeGreaterThan(2);
    } finally {
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop()));
      await proxy.close();
      await consumer.close();
    }
  }, 120_000);
}
