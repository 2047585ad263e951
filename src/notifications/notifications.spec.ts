import { DataSource } from 'typeorm';
import { notificationSenderContract } from '../../test/contract/notification-sender.contract';
import { TestDatabase, createTestDatabase } from '../../test/setup/database';
import { until } from '../../test/setup/until';
import { openDataSource } from '../database';
import { ManualClock, newId } from '../kernel';
import { EventDeliveryEntity, EventEntity, LogSender, NewEvent, NotificationEvent, NotificationSender, Notifier, OutboxDispatcher, OutboxDispatcherOptions, PollLoop } from '.';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Keeps what it is sent; `fail` decides which it refuses. */
class RecordingSender implements NotificationSender {
  readonly sent: NotificationEvent[] = [];
  constructor(
    readonly name: string,
    private readonly fail: (event: NotificationEvent, signal: AbortSignal) => Promise<void> | void = () => undefined,
  ) {}
  async send(event: NotificationEvent, signal: AbortSignal): Promise<void> {
    await this.fail(event, signal);
    this.sent.push(event);
  }
}

notificationSenderContract('log', false, async () => {
  const lines: NotificationEvent[] = [];
  const keep = (fields: object): void => {
    if ('notification' in fields) lines.push(structuredClone(fields.notification) as NotificationEvent);
  };
  const sender = new LogSender({ info: keep, warn: () => undefined, error: keep });
  return { sender, received: async () => lines, close: async () => undefined };
});

describe('the outbox', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  const dispatchers: OutboxDispatcher[] = [];
  const clock = new ManualClock(Date.now());

  beforeAll(async () => {
    database = await createTestDatabase();
    dataSource = await openDataSource({ url: database.url, entities: [EventEntity, EventDeliveryEntity], maxConnections: 20 });
  });
  afterEach(async () => {
    await Promise.all(dispatchers.splice(0).map((dispatcher) => dispatcher.stop()));
    await dataSource.query('TRUNCATE magnetodb_backup.events CASCADE');
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  const start = (senders: NotificationSender[], options: Partial<OutboxDispatcherOptions> = {}): OutboxDispatcher => {
    const dispatcher = new OutboxDispatcher({ dataSource, senders, log: silent, pollMillis: 20, backoffMillis: 10, maxBackoffMillis: 20, ...options });
    dispatchers.push(dispatcher);
    dispatcher.start();
    return dispatcher;
  };
  const announce = (events: NewEvent[], senders: string[]): Promise<void> =>
    dataSource.transaction(async (tx) => {
      const notifier = new Notifier({ clock, senders, host: 'host-1' });
      for (const event of events) await notifier.enqueue(tx, event);
    });
  const event = (jobId: string, phase: NewEvent['phase'], n = 0): NewEvent => ({ jobId, operation: 'backup.create', phase, payload: { jobId, n } });

  it('sends what was committed, with the fields of an oslo notification, and nothing that was rolled back', async () => {
    const jobId = newId();
    const notifier = new Notifier({ clock, senders: ['one'], host: 'host-1' });
    const failing = dataSource.transaction(async (tx) => {
      await notifier.enqueue(tx, event(newId(), 'start'));
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    await announce([event(jobId, 'start', 1), event(jobId, 'error', 2)], ['one']);
    const sender = new RecordingSender('one');
    start([sender]);
    await until(() => sender.sent.length === 2);
    expect(sender.sent).toEqual([
      {
        message_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        publisher_id: 'magnetodb.host-1',
        event_type: 'magnetodb.backup.create.start',
        priority: 'INFO',
        timestamp: new Date(clock.now()).toISOString(),
        payload: { jobId, n: 1 },
      },
      expect.objectContaining({ event_type: 'magnetodb.backup.create.error', priority: 'ERROR', payload: { jobId, n: 2 } }),
    ]);
    await until(async () => (await dataSource.manager.countBy(EventDeliveryEntity, { state: 'delivered' })) === 2);
  });

  it('takes one start and one terminal event a job, not two', async () => {
    const jobId = newId();
    await announce([event(jobId, 'start'), event(jobId, 'end')], []);
    await expect(announce([event(jobId, 'error')], [])).rejects.toThrow('events_one_of_each');
    await expect(announce([event(jobId, 'end')], [])).rejects.toThrow('events_one_of_each');
    await expect(announce([event(jobId, 'start')], [])).rejects.toThrow('events_one_of_each');
    await announce([{ ...event(jobId, 'end'), operation: 'backup.delete' }], []);
  });

  it('keeps the order of a job and sends each event once, over several processes that fail now and then', async () => {
    const jobs = Array.from({ length: 15 }, () => newId());
    for (const jobId of jobs) await announce([event(jobId, 'start', 1), event(jobId, 'end', 2)], ['shared']);
    let calls = 0;
    const sent: NotificationEvent[] = [];
    const record = new RecordingSender('shared', async (notification) => {
      if (++calls % 3 === 0) throw new Error('now and then');
      await new Promise((resolve) => setImmediate(resolve));
      sent.push(notification);
    });
    for (let process = 0; process < 3; process += 1) start([record]);
    await until(async () => (await dataSource.manager.countBy(EventDeliveryEntity, { state: 'pending' })) === 0);
    expect(sent).toHaveLength(30);
    for (const jobId of jobs) expect(sent.filter(({ payload }) => payload.jobId === jobId).map(({ payload }) => payload.n)).toEqual([1, 2]);
  });

  it('a receiver that refuses one job, or all, or hangs, holds up nobody else', async () => {
    const [bad, good] = [newId(), newId()];
    const picky = new RecordingSender('picky', ({ payload }) => {
      if (payload.jobId === bad) throw new Error('I do not like it');
    });
    const hanging = new RecordingSender('hanging', () => new Promise(() => undefined));
    const healthy = new RecordingSender('healthy');
    await announce([event(bad, 'start'), event(bad, 'end'), event(good, 'start'), event(good, 'end')], ['picky', 'hanging', 'healthy']);
    const dispatcher = start([picky, hanging, healthy], { sendTimeoutMillis: 100 });
    await until(() => healthy.sent.length === 4 && picky.sent.length === 2);
    expect(picky.sent.every(({ payload }) => payload.jobId === good)).toBe(true);
    const [row]: { attempts: number }[] = await dataSource.query(
      `SELECT max(attempts) AS attempts FROM magnetodb_backup.event_deliveries WHERE sender = 'picky' AND job_id = $1`,
      [bad],
    );
    expect(row?.attempts).toBeGreaterThan(0);
    await dispatcher.stop();
    expect(hanging.sent).toEqual([]);
  });

  it('gives an event up after long trying, and goes on with those behind it', async () => {
    const jobId = newId();
    clock.advance(-3_600_000);
    await announce([event(jobId, 'start')], ['late']);
    clock.advance(3_600_000);
    await announce([event(jobId, 'end')], ['late']);
    const given: string[] = [];
    const sender = new RecordingSender('late', ({ event_type }) => {
      if (event_type.endsWith('start')) throw new Error('never');
    });
    start([sender], { giveUpAfterMillis: 60_000, log: { ...silent, error: (_fields, message) => given.push(message) } });
    await until(() => sender.sent.length === 1);
    expect(sender.sent[0]?.event_type).toBe('magnetodb.backup.create.end');
    expect(given).toHaveLength(1);
  });

  it('forgets events after their retention', async () => {
    const jobId = newId();
    clock.advance(-90 * 86_400_000);
    await announce([event(jobId, 'start')], []);
    clock.advance(90 * 86_400_000);
    await announce([event(jobId, 'end')], []);
    start([new RecordingSender('any')]);
    await until(async () => (await dataSource.manager.countBy(EventEntity, { jobId })) === 1);
  });
});

describe('PollLoop', () => {
  it('never runs two passes at a time, makes one more for a wake on the way, survives errors, and stops', async () => {
    let passes = 0;
    let running = 0;
    const errors: unknown[] = [];
    const loop: PollLoop = new PollLoop(
      async () => {
        running += 1;
        expect(running).toBe(1);
        passes += 1;
        if (passes === 1) loop.wake();
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        if (passes === 2) throw new Error('second');
      },
      1,
      (error) => errors.push(error),
    );
    loop.start();
    await until(() => passes >= 4);
    await loop.stop();
    const at = passes;
    loop.wake();
    await new Promise((resolve) => setImmediate(resolve));
    expect(passes).toBe(at);
    expect(errors.map(String)).toEqual(['Error: second']);
  });
});
