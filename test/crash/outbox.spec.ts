import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { ManagementClient, ManagementServer, expectStatus, makeTable, startManagement } from '../e2e/management-server';
import { SECRET, WebhookReceiver, answering } from '../fakes/webhook-receiver';
import { TestProcess } from '../setup/child-process';
import { until } from '../setup/until';
import type { NotificationEvent } from '../../src/notifications';
import type { Holds, Line } from './outbox-worker';

/** Around a delivery: claimed and not sent; with the receiver and not answered; answered and not noted; noted. */
const DELIVERY = ['claimed', 'unanswered', 'sent', 'settled'];
const DELIVERIES = ['start', 'terminal'].flatMap((event) => DELIVERY.map((place) => `${event}:${place}`));

/** One way of a job: what is asked for, one subject each. */
interface Way {
  readonly title: string;
  readonly operation: string;
  readonly ends: string;
  /** Asks for one; its subject. */
  begin(nth: number): Promise<string>;
}

describe('events of a process that is killed between any two statements', () => {
  let server: ManagementServer;
  let client: ManagementClient;
  let receiver: WebhookReceiver;
  let sql: Client;
  let folder: string;
  let table: string;
  let spare: Worker;
  const backups: string[] = [];
  let origin = '';

  beforeAll(async () => {
    server = await startManagement({ apiOnly: true });
    client = server.client();
    receiver = await WebhookReceiver.start();
    sql = new Client({ connectionString: server.databaseUrl });
    await sql.connect();
    folder = await mkdtemp(join(tmpdir(), 'outbox-'));
    table = await makeTable(server.backend, 2);
    spare = new Worker();
  });
  afterAll(async () => {
    await Promise.all(Worker.all.map((worker) => worker.process.kill()));
    await sql.end();
    await server.stop();
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A process of test/crash/outbox-worker.ts. */
  class Worker {
    static readonly all: Worker[] = [];
    readonly file = join(folder, `${Worker.all.length}.json`);
    readonly process = TestProcess.start('test/crash/outbox-worker.ts', {
      DATABASE_URL: server.databaseUrl,
      OBJECTS_URL: server.objectsUrl,
      WEBHOOK_URL: receiver.url,
      WEBHOOK_SECRET: SECRET,
      HOLD_FILE: this.file,
    });

    private readonly told: Line[] = [];
    private read = 0;

    constructor() {
      Worker.all.push(this);
    }

    async start(holds: Holds): Promise<void> {
      await writeFile(this.file, JSON.stringify(holds));
      await until(() => this.process.stdout.startsWith('loaded'), 60_000);
      this.process.signal('SIGUSR2');
    }

    /** What it has told so far; each line is read once. */
    get lines(): readonly Line[] {
      if (!this.process.running) throw new Error(`the worker ended: ${this.process.stderr}`);
      const end = this.process.stdout.lastIndexOf('\n') + 1;
      const fresh = this.process.stdout.slice(this.read, end).split('\n');
      this.read = end;
      for (const line of fresh) if (line.startsWith('{')) this.told.push(JSON.parse(line) as Line);
      return this.told;
    }

    async killed(): Promise<void> {
      await this.process.kill();
      expect((await this.process.exited).signal).toBe('SIGKILL');
      // The time of its leases and claims passes.
      await sql.query('UPDATE magnetodb_backup.job_steps SET lease_expires_at = clock_timestamp() WHERE lease_token IS NOT NULL');
      await sql.query(`UPDATE magnetodb_backup.event_deliveries SET next_attempt_at = clock_timestamp() WHERE state = 'pending'`);
    }
  }

  /** One after the other; the next loads while this one works. */
  const nextWorker = (): Worker => {
    const worker = spare;
    if (Worker.all.length < WAYS.length + 2) spare = new Worker();
    return worker;
  };

  /** The types of the events of an operation on a subject, in the order of their first arrival. */
  const seen = (operation: string, subject: string): string[] =>
    receiver.seen.filter((event) => isOf(event, operation, subject)).map(({ event_type }) => event_type.split('.').at(-1) ?? '');

  const createBackup = async (of: string): Promise<string> => String((await expectStatus(client.createBackup(of), 202))['id']);

  const WAYS: readonly Way[] = [
    {
      title: 'a backup',
      operation: 'backup.create',
      ends: 'end',
      begin: async () => {
        const id = await createBackup(table);
        backups.push(id);
        return id;
      },
    },
    {
      title: 'a backup that fails',
      operation: 'backup.create',
      ends: 'error',
      begin: async () => {
        const gone = await makeTable(server.backend, 1);
        const id = await createBackup(gone);
        await server.backend.dropTable({ projectId: 'demo', name: gone });
        return id;
      },
    },
    {
      title: 'a restore',
      operation: 'restore',
      ends: 'end',
      begin: async (nth) => String((await expectStatus(client.createRestore(`${table}_${nth}`, { id: origin }), 202))['id']),
    },
    {
      title: 'a deletion',
      operation: 'backup.delete',
      ends: 'end',
      begin: async () => {
        const id = String(backups.pop());
        await expectStatus(client.deleteBackup(table, id), 200);
        return id;
      },
    },
  ];

  /** Where a job of that way can be killed, as an undisturbed one shows. */
  async function placesOf(way: Way, worker: Worker): Promise<string[]> {
    const subject = await way.begin(0);
    const ofIt = (line: Line): boolean => line.operation === way.operation && line.subject === subject;
    await until(() => worker.lines.some((line) => ofIt(line) && line.place === 'terminal:settled'));
    const statements = worker.lines.filter((line) => ofIt(line) && line.sql !== undefined);
    for (const transaction of ['begin', 'end']) {
      const texts = statements.filter(({ place }) => place.startsWith(transaction)).map((line) => line.sql);
      expect([texts[0], texts.at(-1)]).toEqual(['START TRANSACTION', 'COMMIT']);
      expect(texts.filter((text) => text?.includes('INSERT INTO magnetodb_backup.events'))).toHaveLength(1);
    }
    return [...statements.map(({ place }) => place), 'begin:done', 'end:done', ...DELIVERIES];
  }

  /** Kills a process that holds a job at each of the places at the same time; what was asked for. */
  async function killAt(way: Way, places: readonly string[]): Promise<string[]> {
    const held: Record<string, string> = {};
    for (const [nth, place] of places.entries()) held[await way.begin(nth + 1)] = place;
    const unanswered = ({ event_type, payload }: NotificationEvent): boolean => {
      const place = held[subjectOf(payload)];
      return event_type.startsWith(`magnetodb.${way.operation}.`) && place === `${event_type.endsWith('.start') ? 'start' : 'terminal'}:unanswered`;
    };
    receiver.behaviour = (response, nth, delivery) => {
      if (!unanswered(delivery.event)) answering(204)(response, nth, delivery);
    };
    const worker = nextWorker();
    await worker.start({ operation: way.operation, places: held });
    const open = (): string[] => {
      const reached = new Set([...worker.lines.filter((line) => line.held).map(({ subject }) => subject), ...receiver.seen.filter(unanswered).map(({ payload }) => subjectOf(payload))]);
      return Object.entries(held).flatMap(([subject, place]) => (reached.has(subject) ? [] : [place]));
    };
    await until(() => open().length === 0, 100_000).catch(() => {
      throw new Error(`${way.title}: not reached: ${open().join(', ')}`);
    });
await worker.killed();receiver.behaviour = answering(204);
    return Object.keys(held);
  }

  it('are one start and one end of each job, in this order, none missing', async () => {
    const recorder = nextWorker();
    await recorder.start({ places: {} });
    const planned = new Map<Way, string[]>();
    origin = await createBackup(table);
    for (const way of WAYS) planned.set(way, await placesOf(way, recorder));
    await recorder.killed();const asked = new Map<Way, string[]>();
    for (const way of WAYS) asked.set(way, await killAt(way, planned.get(way) ?? []));
const survivor = nextWorker();
    await survivor.start({ places: {} });
    for (const [way, subjects] of asked) {
      for (const subject of subjects) await until(() => seen(way.operation, subject).length >= 2, 60_000, `${way.title} was not finished`);
    }
    await until(async () => (await sql.query(`SELECT FROM magnetodb_backup.event_deliveries WHERE state <> 'delivered'`)).rowCount === 0);
    for (const [way, subjects] of asked) {
      for (const [nth, subject] of subjects.entries()) {
        expect({ way: way.title, killedAt: planned.get(way)?.[nth], seen: seen(way.operation, subject) }).toEqual({ way: way.title, killedAt: planned.get(way)?.[nth], seen: ['start', way.ends] });
      }
    }
    // A kill behind the receiver's answer cannot be told from one before it: these events came twice.
    const repeated = receiver.requests.length - receiver.seen.length;
    expect(repeated).toBe(WAYS.length * DELIVERIES.filter((place) => /unanswered|sent/.test(place)).length);
    const places = [...planned.values()].flat().length;
    process.stdout.write(`killed at ${places} places: ${[...planned].map(([way, list]) => `${way.title} ${list.length}`).join(', ')}\n`);
    expect(places).toBeGreaterThan(80);
  }, 240_000);
});

function subjectOf(payload: Readonly<Record<string, unknown>>): string {
  return String(payload['restore_job_id'] ?? payload['backup_id']);
}

function isOf({ event_type, payload }: NotificationEvent, operation: string, subject: string): boolean {
  return event_type.startsWith(`magnetodb.${operation}.`) && subjectOf(payload) === subject;
}
