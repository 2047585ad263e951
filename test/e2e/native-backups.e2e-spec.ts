import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { archiveObjectNames, readChunk, readChunkEntries, readManifest, verifyArchive } from '../../src/archive';
import { Item, TableDigest } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { until } from '../setup/until';
import { BadDaysGateway, Door, startBadDays } from './bad-days-gateway';
import { Json, ManagementClient, expectStatus, makeTable, refused, startManagement } from './management-server';

const NATIVE = { strategy: { format: 'native' } };
/** Small parts and chunks, so that a small table has several of both. */
const JOBS = { rangeBytes: 30_000, chunkBytes: 8_000, leaseSeconds: 2, stepsPerProcess: 3 };
const ITEMS = 1000;

describe('a native backup', () => {
  let gateway: BadDaysGateway;
  let client: ManagementClient;

  beforeAll(async () => {
    gateway = await startBadDays(JOBS);
    client = gateway.client();
  });
  afterEach(() => gateway.heal());
  afterAll(() => gateway.stop());

  const archiveOf = (id: unknown): FilesystemObjectStore =>
    new FilesystemObjectStore({ root: join(gateway.objects, 'demo', String(id)) });

  const asked = async (table: string): Promise<string> =>
    String((await expectStatus(client.createBackup(table, 'native', NATIVE), 202))['id']);

  const ended = (table: string, id: string): Promise<Json> =>
    client.finished(() => client.backup(table, id), 'CREATING');

  async function digestNow(table: string): Promise<TableDigest> {
    const handle = await gateway.backend.openTable({ projectId: 'demo', name: table });
    const digest = new TableDigest();
    const whole = { start: null, end: null, estimatedItems: 0 };
    for await (const block of gateway.backend.readRange(handle, whole, { digestOnly: true }))
      digest.merge(block.digest);
    return digest;
  }

  /** Everything of the archive is proved, and that it is exactly the objects that are there. */
  async function digestOfArchive(id: string): Promise<TableDigest> {
    const store = archiveOf(id);
    const manifest = await verifyArchive(store);
    expect(manifest).toMatchObject({ data_format: 'native', native: { format: 'postgresql-1' } });
    const names: string[] = [];
    for await (const name of archiveObjectNames(store)) names.push(`objects/demo/${id}/${name}`);
    expect((await gateway.files()).filter((name) => name.includes(id)).sort()).toEqual(names.sort());
    return TableDigest.fromJSON(manifest.buckets);
  }

  /** The lock is held: runs once, at every lock of a native backup. */
  function whenLocked(run: () => Promise<unknown>): void {
    gateway.before('openTable', async () => {
      if ((await gateway.backend.lockedTables()).length > 0) await run();
    });
  }

  const isLocked = async (): Promise<boolean> => (await gateway.backend.lockedTables()).length > 0;

  async function snapshots(): Promise<number> {
    const rows = await gateway.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'magnetodb-tables' AND backend_xmin IS NOT NULL AND state <> 'active'`,
    );
    return rows.length;
  }

  const numberOf = (value: number): Json => ({ N: String(value) });

  /** Writes ever greater versions to items of its own, one after the other, until it is stopped. */
  class Counter {
    writes = 0;
    readonly refusals: { from: number; to: number }[] = [];
    private stopped = false;
    private readonly done: Promise<void>;

    constructor(
      private readonly table: string,
      readonly name: string,
      readonly count: number,
    ) {
      this.done = this.run();
    }

    private async run(): Promise<void> {
      for (let version = 1; !this.stopped; version++) {
        for (let index = 0; index < this.count && !this.stopped; index++) {
          const item = {
            forum: { S: this.name },
            subject: { S: String(index).padStart(4, '0') },
            replies: numberOf(version),
          };
          await this.write(item);
          this.writes++;
        }
      }
    }

    private async write(item: Json): Promise<void> {
      for (;;) {
        const from = performance.now();
        const { status } = await gateway.data().call(this.table, 'put_item', { item });
        if (status === 200) return;
        expect(status).toBe(423);
        this.refusals.push({ from, to: performance.now() });
        await delay(2);
      }
    }

    stop(): Promise<void> {
      this.stopped = true;
      return this.done;
    }
  }

  it('is one cut of the table while it is written; it alone is refused, and only while it is locked', async () => {
    const [table, other] = [await makeTable(gateway.backend, 300), await makeTable(gateway.backend, 300)];
    const counters = [new Counter(table, 'a', 40), new Counter(table, 'b', 30)];
    const bystander = new Counter(other, 'c', 30);
    const all = [...counters, bystander];
    await until(async () => all.every((counter) => counter.writes > counter.count));
    const locked = { from: 0, to: 0 };
    let atLock: TableDigest | undefined;
    gateway.before('lock', () => (locked.from = performance.now()));
    gateway.before('unlock', () => (locked.to = performance.now()));
    whenLocked(async () => {
      atLock = await digestNow(table);
      // Every writer of the table, and no other, waits.
      const others = bystander.writes + 20;
      await until(async () => counters.every(({ refusals }) => refusals.length > 0) && bystander.writes > others);
    });
    // Between one chunk and the next, everybody goes on writing.
    let chunks = 0;
    gateway.spoil((store) =>
      store.at('put:before', /chunks/, async () => {
        if ((chunks += 1) > 4) return;
        const written = all.map((counter) => counter.writes + 5);
        await until(async () => all.every((counter, index) => counter.writes > (written[index] ?? 0)));
      }),
    );
    const made = await ended(table, await asked(table));
    await Promise.all(all.map((counter) => counter.stop()));
    expect(made).toMatchObject({ status: 'CREATED' });
    const id = String(made['id']);
    expect((await digestOfArchive(id)).toJSON()).toEqual(atLock?.toJSON());
    expect(bystander.refusals).toEqual([]);
    // The answer to `unlock` takes its time; what was refused was asked for while the lock was there.
    for (const { from, to } of counters.flatMap(({ refusals }) => refusals)) {
      expect(to).toBeGreaterThan(locked.from);
      expect(from).toBeLessThan(locked.to + 1000);
    }
    const milliseconds = Number(made['locked_milliseconds']);
    expect(milliseconds).toBeGreaterThan(0);
    expect(milliseconds).toBeLessThanOrEqual(
      Date.parse(String(made['finish_datetime'])) - Date.parse(String(made['start_datetime'])),
    );
    await expectCut(id, counters);
  });

  /** Of one writer, the items that it had come to have one version, and those behind them the version before. */
  async function expectCut(id: string, counters: readonly Counter[]): Promise<void> {
    const store = archiveOf(id);
    const manifest = await readManifest(store);
    const items: Item[] = [];
    for await (const entry of readChunkEntries(store, manifest)) {
      for await (const batch of readChunk(store, entry, manifest.schema)) items.push(...batch.map(({ item }) => item));
    }
    expect(manifest.ranges.length).toBeGreaterThan(1);
    for (const counter of counters) {
      const versions = items
        .filter((item) => item.get('forum')?.value === counter.name)
        .sort((a, b) => (String(a.get('subject')?.value) < String(b.get('subject')?.value) ? -1 : 1))
        .map((item) => Number(item.get('replies')?.value));
      expect(versions).toHaveLength(counter.count);
      expect(versions).toEqual([...versions].sort((a, b) => b - a));
      expect((versions[0] ?? 0) - (versions.at(-1) ?? 0)).toBeLessThanOrEqual(1);
    }
  }

  it('begins with a new lock and snapshot when a try has failed: the two are never mixed', async () => {
    const table = await makeTable(gateway.backend, 4 * ITEMS);
    const locks: number[] = [];
    whenLocked(async () => locks.push(performance.now()));
    let stored = 0;
    gateway.spoil((store) =>
      store.at('put:before', /chunks/, async () => {
        if ((stored += 1) !== 3) return;
        await gateway.backend.putItems({ projectId: 'demo', name: table }, [
          { item: changedThread(), expiresAt: undefined },
        ]);
        await gateway.backend.deleteItem({ projectId: 'demo', name: table }, gone(), {});
        await gateway.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()',
        );
      }),
    );
    const id = await asked(table);
    const made = await ended(table, id);
    expect(made).toMatchObject({ status: 'CREATED', item_count: 4 * ITEMS });
    expect(locks.length).toBeGreaterThanOrEqual(2);
    expect((await digestOfArchive(id)).toJSON()).toEqual((await digestNow(table)).toJSON());
    const [job] = await gateway.query(`SELECT items_done::integer FROM magnetodb_backup.jobs WHERE subject_id = $1`, [
      id,
    ]);
    expect(job).toEqual({ items_done: 4 * ITEMS });
  });

  const changedThread = (): Item =>
    new Map([
      ['forum', { type: 'S', value: 'another' }],
      ['subject', { type: 'S', value: 'written between two tries' }],
    ]);
  const gone = (): Item =>
    new Map([
      ['forum', { type: 'S', value: 'forum 0' }],
      ['subject', { type: 'S', value: 'subject 0' }],
    ]);

  it('that is paused lets its snapshot go, and is the table as it was when it went on', async () => {
    const table = await makeTable(gateway.backend, ITEMS);
    const door = new Door();
    gateway.spoil((store) => store.at('put:before', /chunks/, door.wait));
    const id = await asked(table);
    await door.reached;
    expect(await snapshots()).toBeGreaterThan(0);
    const path = `${client.table(table)}/backups/${id}`;
    await expectStatus(client.send('PATCH', path, { paused: true }), 200);
    const first = await expectStatus(client.backup(table, id), 200);
    door.open();
    const leases = `SELECT 1 FROM magnetodb_backup.job_steps WHERE lease_token IS NOT NULL`;
    await until(async () => (await gateway.query(leases)).length === 0 && (await snapshots()) === 0, 20_000);
    expect(await isLocked()).toBe(false);
    await gateway.backend.putItems({ projectId: 'demo', name: table }, [
      { item: changedThread(), expiresAt: undefined },
    ]);
    await expectStatus(client.send('PATCH', path, { paused: false, rate_limit: { items_per_second: 100_000 } }), 200);
    const made = await ended(table, id);
    expect(made).toMatchObject({ status: 'CREATED', item_count: ITEMS + 1 });
    expect(Number(made['locked_milliseconds'])).toBeGreaterThan(Number(first['locked_milliseconds']));
    expect((await digestOfArchive(id)).toJSON()).toEqual((await digestNow(table)).toJSON());
  });

  it('that is deleted while it copies leaves nothing: no object, no lock, no snapshot', async () => {
    const table = await makeTable(gateway.backend, ITEMS);
    const door = new Door();
    gateway.spoil((store) => store.at('put:after', /chunks/, door.wait));
    const id = await asked(table);
    await door.reached;
    await expectStatus(client.deleteBackup(table, id), 200);
    door.open();
    await client.gone(() => client.backup(table, id));
    expect((await gateway.files()).filter((name) => name.includes(id))).toEqual([]);
    expect(await isLocked()).toBe(false);
    await until(async () => (await snapshots()) === 0);
  });

  it('that is deleted while it has the lock releases it', async () => {
    const table = await makeTable(gateway.backend, 3);
    const door = new Door();
    whenLocked(door.wait);
    const id = await asked(table);
    await door.reached;
    await expectStatus(client.deleteBackup(table, id), 200);
    door.open();
    await client.gone(() => client.backup(table, id));
    expect(await isLocked()).toBe(false);
    expect(
      await gateway.data().call(table, 'put_item', { item: { forum: { S: 'a' }, subject: { S: 'b' } } }),
    ).toMatchObject({ status: 200 });
  });

  it('of a table that is dropped meanwhile fails, and leaves nothing', async () => {
    const table = await makeTable(gateway.backend, ITEMS);
    const door = new Door();
    gateway.spoil((store) => store.at('put:before', /chunks/, door.wait));
    const id = await asked(table);
    await door.reached;
    const dropped = gateway.data().deleteTable(table);
    door.open();
    expect(await ended(table, id)).toMatchObject({ status: 'CREATE_FAILED', error: { type: 'TableChanged' } });
    expect(await dropped).toMatchObject({ status: 200 });
    expect((await gateway.files()).filter((name) => name.includes(id))).toEqual([]);
  });

  it('of an empty table has no chunk', async () => {
    const table = await makeTable(gateway.backend, 0);
    const id = await asked(table);
    expect(await ended(table, id)).toMatchObject({ status: 'CREATED', item_count: 0, table_size_bytes: 0 });
    expect((await digestOfArchive(id)).itemCount).toBe(0);
  });

  it.each(['spec', 'deployed'] as const)(
    'of a table in MAINTENANCE is refused, while portable work waits (%s)',
    async (dialect) => {
      const table = await makeTable(gateway.backend, 3);
      const ref = { projectId: 'demo', name: table };
      const asking = gateway.client(dialect);
      await gateway.backend.lock(ref, { owner: 'somebody', seconds: 60 });
      const answer = await refused(asking.createBackup(table, 'native', NATIVE), 423, 'TableLocked');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      await expectStatus(asking.createBackup(table, 'portable'), 202);
      await gateway.backend.unlock(ref, 'somebody');
      expect(await asking.madeBackup(table, 'native', NATIVE)).toMatchObject({ status: 'CREATED' });
    },
  );

  it('waits for a lock that came between its request and its own', async () => {
    const table = await makeTable(gateway.backend, 3);
    const ref = { projectId: 'demo', name: table };
    const door = new Door();
    gateway.spoil((store) => store.at('put:before', 'started.json', door.wait));
    const id = await asked(table);
    await door.reached;
    await gateway.backend.lock(ref, { owner: 'somebody', seconds: 2 });
    door.open();
    await until(async () => gateway.logs().includes('a step waits for a table in maintenance'));
    expect(await ended(table, id)).toMatchObject({ status: 'CREATED' });
  });
});

describe('where a lock cannot be had', () => {
  it.each(['spec', 'deployed'] as const)(
    'because other gateways know nothing of it, a native backup is refused (%s)',
    async (dialect) => {
      const server = await startManagement({ exclusiveGateways: false, apiOnly: true });
      try {
        const client = server.client(dialect);
        const table = await makeTable(server.backend);
        await refused(client.createBackup(table, 'native', NATIVE), 409, 'ConflictError', /exclusive_gateways/);
        await expectStatus(client.createBackup(table, 'portable'), 202);
      } finally {
        await server.stop();
      }
    },
  );

  it('for long enough, nothing that was read under it counts', async () => {
    let looks = 0;
    const server = await startManagement({
      maxLockSeconds: 1,
      jobs: { leaseSeconds: 2 },
      wrapBackend: (backend) =>
        new Proxy(backend, {
          get(target, key) {
            const value: unknown = Reflect.get(target, key);
            if (typeof value !== 'function') return value;
            return async (...args: unknown[]): Promise<unknown> => {
              // The first snapshot is opened under a lock that has run out by then.
              if (key === 'openTable' && (await target.lockedTables()).length > 0 && (looks += 1) === 1) {
                await until(async () => (await target.lockedTables()).length === 0);
                await target.putItems({ projectId: 'demo', name: 'late' }, [{ item: late(), expiresAt: undefined }]);
              }
              return Reflect.apply(value, target, args) as unknown;
            };
          },
        }),
    });
    try {
      const table = await makeTable(server.backend, 3, 'late');
      const made = await server.client().madeBackup(table, 'native', NATIVE);
      expect(made).toMatchObject({ status: 'CREATED', item_count: 4 });
      expect(looks).toBe(2);
    } finally {
      await server.stop();
    }
  });

  const late = (): Item =>
    new Map([
      ['forum', { type: 'S', value: 'late' }],
      ['subject', { type: 'S', value: 'late' }],
    ]);
});
