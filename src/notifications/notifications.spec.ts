import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { notificationSenderContract } from '../../test/contract/notification-sender.contract';
import { TestDatabase, createTestDatabase } from '../../test/setup/database';
import { until } from '../../test/setup/until';
import { openDataSource } from '../database';
import { ManualClock, newId } from '../kernel';
import { CLAIM } from './delivery-ledger';
import { DeadLetters, DeliveryError, EventDeliveryEntity, EventEntity, EventSubject, LogSender, NewEvent, NotificationEvent, NotificationSender, Notifier, OutboxDispatcher, OutboxDispatcherOptions } from '.';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** All rows that a plan looked at. */
function rowsRead(node: PlanNode): number {
  const own = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
  return (node.Plans ?? []).reduce((sum, child) => sum + rowsRead(child), own);
}

/** Keeps what it is sent; `fail` decides which it refuses. */
class RecordingSender implements NotificationSender {
  readonly sent: NotificationEvent[] = [];
  constructor(
    readonly name: string,
    private readonly fail: (event: NotificationEvent, signal: AbortSignal) => Promise<void> | void = () => undefined,
    readonly wants: (event: EventSubject) => boolean = () => true,
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
  const announce = (events: NewEvent[], senders: (string | NotificationSender)[]): Promise<void> =>
    dataSource.transaction(async (tx) => {
      const takers = senders.map((each) => (typeof each === 'string' ? new RecordingSender(each) : each));
      const notifier = new Notifier({ clock, senders: takers, host: 'host-1' });
      for (const event of events) await notifier.enqueue(tx, event);
    });
  const event = (jobId: string, phase: NewEvent['phase'], n = 0): NewEvent => ({ jobId, operation: 'backup.create', phase, payload: { jobId, n } });

  it('sends what was committed, with the fields of an oslo notification, and nothing that was rolled back', async () => {
    const jobId = newId();
    const notifier = new Notifier({ clock, senders: [new RecordingSender('one')], host: 'host-1' });
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

  it('makes no delivery for a sender that does not want the event', async () => {
    const some = new RecordingSender('some', undefined, ({ event_type, payload }) => event_type.endsWith('.end') && payload['n'] === 7);
    const jobId = newId();
    await announce([event(jobId, 'start', 7), event(jobId, 'end', 7)], [some, 'all']);
    await announce([event(newId(), 'end', 8)], [some]);
    expect(await dataSource.manager.countBy(EventDeliveryEntity, { sender: 'some' })).toBe(1);
    expect(await dataSource.manager.countBy(EventDeliveryEntity, { sender: 'all' })).toBe(2);
    start([some]);
    await until(() => some.sent.length === 1);
    expect(some.sent[0]).toMatchObject({ event_type: 'magnetodb.backup.create.end', payload: { n: 7 } });
  });

  it('takes no database connection to wait for receivers', async () => {
    const hanging = Array.from({ length: 8 }, (_each, nth) => new RecordingSender(`hanging-${nth}`, () => new Promise(() => undefined)));
    const healthy = new RecordingSender('healthy');
    const few = await openDataSource({ url: database.url, entities: [EventEntity, EventDeliveryEntity], maxConnections: 2 });
    for (let nth = 0; nth < 4; nth += 1) await announce([event(newId(), 'start')], [...hanging, healthy]);
    const dispatcher = start([...hanging, healthy], { dataSource: few, sendTimeoutMillis: 500 });
    await until(() => healthy.sent.length === 4);
    await dispatcher.stop();
    await few.destroy();
  });

  it('lets go of its receivers when it stops, after the last delivery; one that cannot holds up nobody', async () => {
    const happened: string[] = [];
    const closing = (name: string, close: () => Promise<void>): NotificationSender =>
      Object.assign(new RecordingSender(name, () => void happened.push(`${name} sends`)), { close: () => close().finally(() => happened.push(`${name} closed`)) });
    const senders = [closing('one', async () => undefined), closing('two', () => Promise.reject(new Error('it is stuck')))];
    await announce([event(newId(), 'start')], senders);
    const dispatcher = start(senders);
    await until(() => happened.length === 2);
    await dispatcher.stop();
    dispatchers.splice(0);
    expect(happened.slice(0, 2).sort()).toEqual(['one sends', 'two sends']);
    expect(happened.slice(2).sort()).toEqual(['one closed', 'two closed']);
  });

  it('goes on where a process died while it sent: its claim ends by itself', async () => {
    const jobId = newId();
    await announce([event(jobId, 'start'), event(jobId, 'end')], ['shared']);
    const dying = new RecordingSender('shared', () => new Promise(() => undefined));
    // It never gets to say what became of it, as if it had been killed.
    const dead = new OutboxDispatcher({ dataSource, senders: [dying], log: silent, sendTimeoutMillis: 150 });
    const query = dataSource.query.bind(dataSource);
    jest.spyOn(dataSource, 'query').mockImplementation(async (...given) => (given[0].includes('WITH verdict') ? Promise.reject(new Error('killed')) : query(...given)));
    dead.start();
    await until(async () => (await dataSource.manager.countBy(EventDeliveryEntity, { attempts: 1 })) === 1);
    await dead.stop();
    const survivor = new RecordingSender('shared');
    start([survivor]);
    await until(() => survivor.sent.length === 2);
    expect(survivor.sent.map(({ event_type }) => event_type.split('.').at(-1))).toEqual(['start', 'end']);
    jest.restoreAllMocks();
  });

  it('does not send what it may have lost while it, or the database, was stopped', async () => {
    await announce([event(newId(), 'start')], ['slow']);
    const query = dataSource.query.bind(dataSource);
    let claims = 0;
    jest.spyOn(dataSource, 'query').mockImplementation(async (...given) => {
      const answer: unknown = await query(...given);
      if (given[0].includes('WITH due') && (answer as [unknown[]])[0].length > 0 && ++claims === 1) await delay(120);
      return answer;
    });
    const sender = new RecordingSender('slow');
    start([sender], { sendTimeoutMillis: 100 });
    await until(() => sender.sent.length === 1);
    expect(claims).toBe(2);
    expect(sender.sent).toHaveLength(1);
    jest.restoreAllMocks();
  });

  it('holds everything back as long as the receiver asks for, and no longer than an hour', async () => {
    for (let nth = 0; nth < 20; nth += 1) await announce([event(newId(), 'start')], ['busy']);
    let calls = 0;
    const busy = new RecordingSender('busy', () => {
      calls += 1;
      throw new DeliveryError('busy', { retryAfterMillis: 10 ** 10 });
    });
    const other = new RecordingSender('other');
    await announce([event(newId(), 'start')], ['other']);
    start([busy, other], { concurrency: 4 });
    await until(async () => (await dataSource.manager.countBy(EventDeliveryEntity, { sender: 'busy', attempts: 1, lastError: 'busy' })) === 4);
    await until(() => other.sent.length === 1);
    await announce([event(newId(), 'start')], ['other']);
    await until(() => other.sent.length === 2);
    expect(calls).toBe(4);
    const [row]: { minutes: number }[] = await dataSource.query(
      `SELECT round(extract(epoch FROM max(next_attempt_at) - clock_timestamp()) / 60)::integer AS minutes FROM magnetodb_backup.event_deliveries`,
    );
    expect(row?.minutes).toBe(60);
  });

  it('says less and less of an event that goes on failing, and says when it is given up', async () => {
    await announce([event(newId(), 'start')], ['failing']);
    const said: unknown[] = [];
    const note = (level: string) => (fields: object) => said.push([level, 'attempts' in fields && fields.attempts]);
    const failing = new RecordingSender('failing', () => Promise.reject(new DeliveryError('no')));
    start([failing], { backoffMillis: 1, maxBackoffMillis: 1, pollMillis: 5, maxAttempts: 10, log: { ...silent, warn: note('warn'), error: note('error') } });
    await until(() => said.length === 5);
    expect(said).toEqual([['warn', 1], ['warn', 2], ['warn', 4], ['warn', 8], ['error', 10]]);
  });

  it('pauses longer with every failure, and never twice the same', async () => {
    const pauses: number[] = [];
    for (const [attempts, random] of [[0, 0], [0, 0.5], [3, 0], [3, 1], [40, 1]] as const) {
      await dataSource.query('TRUNCATE magnetodb_backup.events CASCADE');
      await announce([event(newId(), 'start')], ['failing']);
      await dataSource.query('UPDATE magnetodb_backup.event_deliveries SET attempts = $1', [attempts]);
      const failing = new RecordingSender('failing', () => Promise.reject(new DeliveryError('no')));
      const dispatcher = start([failing], { backoffMillis: 10_000, maxBackoffMillis: 300_000, random: () => random });
      await until(async () => (await dataSource.manager.countBy(EventDeliveryEntity, { lastError: 'no' })) === 1);
      await dispatcher.stop();
      const [row]: { seconds: number }[] = await dataSource.query(
        `SELECT round(extract(epoch FROM next_attempt_at - attempted_at))::integer AS seconds FROM magnetodb_backup.event_deliveries`,
      );
      pauses.push(row?.seconds ?? 0);
    }
    expect(pauses).toEqual([5, 8, 40, 80, 300]);
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

  it('delivers the events of many jobs, each job’s in order, claiming many at a time', async () => {
    const notifier = new Notifier({ clock, senders: [new RecordingSender('many')], host: 'host-1' });
    const jobs = Array.from({ length: 300 }, () => newId());
    await dataSource.transaction(async (tx) => {
      for (const phase of ['start', 'end'] as const) for (const jobId of jobs) await notifier.enqueue(tx, event(jobId, phase, phase === 'start' ? 1 : 2));
    });
    let claims = 0;
    const query = dataSource.query.bind(dataSource);
    jest.spyOn(dataSource, 'query').mockImplementation(async (...given) => {
      if (given[0].includes('WITH due')) claims += 1;
      return query(...given);
    });
    const many = new RecordingSender('many', () => delay(1));
    start([many]);
    await until(() => many.sent.length === 600);
    const seen = new Map<unknown, number>();
    for (const { payload } of many.sent) {
      expect(payload['n']).toBe((seen.get(payload['jobId']) ?? 0) + 1);
      seen.set(payload['jobId'], Number(payload['n']));
    }
    expect(claims).toBeLessThan(450);
    jest.restoreAllMocks();
  });

  it('finds what is due among thousands that wait without reading them, also before the database has statistics', async () => {
    await dataSource.query(
      `INSERT INTO magnetodb_backup.events (message_id, job_id, operation, phase, publisher_id, created_at, payload)
       SELECT gen_random_uuid(), md5(nth::text)::uuid, 'restore', phase, 'host', now(), '{}' FROM generate_series(1, 2000) nth, unnest('{start,end}'::text[]) phase`,
    );
    await dataSource.query(
      `INSERT INTO magnetodb_backup.event_deliveries (event_seq, sender, job_id, state, attempts, next_attempt_at)
       SELECT seq, 'many', job_id, 'pending', 0, now() + CASE WHEN seq % 3 = 0 THEN interval '0' ELSE interval '1 hour' END FROM magnetodb_backup.events`,
    );
    const explained: { 'QUERY PLAN': { Plan: PlanNode }[] }[] = await dataSource.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${CLAIM}`, ['many', 8, 1000]);
    const plan = explained[0]?.['QUERY PLAN'][0]?.Plan;
    expect(plan === undefined ? Infinity : rowsRead(plan)).toBeLessThan(500);
  });

  describe('dead letters', () => {
    const letters = (): DeadLetters => new DeadLetters(dataSource, ['dead', 'healthy']);
    const all = { limit: 100, after: undefined, sender: undefined, projectId: undefined };
    const list = (query = {}) => letters().list({ ...all, ...query });
    const refuse = new RecordingSender('dead', () => {
      throw new DeliveryError('the receiver answered 410', { refused: true });
    });

    /** So many dead letters, each of a job of its own. */
    const die = async (count: number, payload = {}): Promise<void> => {
      for (let nth = 0; nth < count; nth += 1) await announce([{ ...event(newId(), 'start'), payload: { n: nth, ...payload } }], ['dead']);
      const dispatcher = start([refuse]);
      await until(async () => (await dataSource.manager.countBy(EventDeliveryEntity, { state: 'pending' })) === 0);
      await dispatcher.stop();
    };

    it('are what was refused, at once, or failed often enough; what follows in the job goes on', async () => {
      const jobId = newId();
      await announce([event(jobId, 'start'), event(jobId, 'end')], ['dead']);
      let calls = 0;
      const sender = new RecordingSender('dead', ({ event_type }) => {
        calls += 1;
        if (event_type.endsWith('start')) throw new Error('listener: my item');
      });
      start([sender], { maxAttempts: 3 });
      await until(() => sender.sent.length === 1);
      expect(calls).toBe(4);
      const [letter] = await list();
      expect(letter).toMatchObject({ sender: 'dead', attempts: 3, error: 'the sender failed (Error)', event: { event_type: 'magnetodb.backup.create.start' } });
      await dataSource.query('TRUNCATE magnetodb_backup.events CASCADE');
      await die(1);
      expect(await list()).toEqual([
        expect.objectContaining({ attempts: 1, error: 'the receiver answered 410', lastAttemptAt: expect.any(Date) as Date, givenUpAt: expect.any(Date) as Date }),
      ]);
    });

    it('are listed page by page, of a sender and of a project', async () => {
      await die(5, { project_id: 'demo' });
      await die(2, { project_id: 'other' });
      const ids = (await list()).map(({ id }) => id);
      expect(ids).toEqual([...ids].sort());
      expect(ids).toHaveLength(7);
      expect((await list({ limit: 3, after: ids[1] })).map(({ id }) => id)).toEqual(ids.slice(2, 5));
      expect(await list({ projectId: 'other' })).toHaveLength(2);
      expect(await list({ sender: 'dead' })).toHaveLength(7);
      expect(await list({ sender: 'healthy' })).toEqual([]);
    });

    it('are delivered again on request, with all the attempts of a new event, or discarded', async () => {
      await die(2);
      const [first, second] = await list();
      if (first === undefined || second === undefined) throw new Error('no dead letters');
      expect(await letters().retry(first.id)).toEqual(first);
      await expect(letters().retry(first.id)).rejects.toMatchObject({ code: 'NotFound' });
      await expect(letters().discard(first.id)).rejects.toMatchObject({ code: 'NotFound' });
      const healed = new RecordingSender('dead', ({ message_id }) => {
        if (message_id === first.event.message_id && refused++ < 2) throw new Error('not yet');
      });
      let refused = 0;
      start([healed], { maxAttempts: 3 });
      await until(() => healed.sent.length === 1);
      expect(healed.sent).toEqual([first.event]);
      expect(await letters().discard(second.id)).toEqual(second);
      expect(await list()).toEqual([]);
      await expect(letters().discard(newId())).rejects.toMatchObject({ code: 'NotFound' });
    });

    it('of a sender that is not there cannot be delivered again', async () => {
      await die(1);
      const [letter] = await list();
      const without = new DeadLetters(dataSource, ['healthy']);
      await expect(without.retry(String(letter?.id))).rejects.toMatchObject({ code: 'ConflictError' });
      expect(await list()).toEqual([letter]);
    });

    it('are kept for their retention from their death on, as events that still wait are', async () => {
      clock.advance(-90 * 86_400_000);
      await die(1);
      await announce([event(newId(), 'start')], ['pending']);
      clock.advance(90 * 86_400_000);
      const failing = new RecordingSender('pending', () => Promise.reject(new Error('no')));
      const dispatcher = start([failing], { giveUpAfterMillis: 91 * 86_400_000 });
      await until(async () => (await dataSource.manager.countBy(EventDeliveryEntity, { sender: 'pending', lastError: 'the sender failed (Error)' })) === 1);
      await dispatcher.stop();
      expect(await list()).toHaveLength(1);
      expect(await dataSource.manager.count(EventEntity)).toBe(2);
      await dataSource.query(`UPDATE magnetodb_backup.event_deliveries SET ended_at = ended_at - interval '31 days'`);
      start([failing], { giveUpAfterMillis: 91 * 86_400_000 });
      await until(async () => (await list()).length === 0);
      expect(await dataSource.manager.count(EventEntity)).toBe(1);
    });

    it('take in what waits for a sender that nobody has any more', async () => {
      clock.advance(-8 * 86_400_000);
      await announce([event(newId(), 'start')], ['removed', 'kept']);
      clock.advance(8 * 86_400_000);
      await announce([event(newId(), 'start')], ['removed']);
      start([new RecordingSender('kept')]);
      await until(async () => (await list()).length === 1);
      expect(await list()).toEqual([expect.objectContaining({ sender: 'removed', error: 'no sender of this name is configured' })]);
      expect(await dataSource.manager.countBy(EventDeliveryEntity, { sender: 'removed', state: 'pending' })).toBe(1);
    });
  });
});
