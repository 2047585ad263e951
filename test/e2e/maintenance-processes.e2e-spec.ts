import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { createPostgresTableBackend, TableBackend, TableRef, withTableLock } from '../../src/index';
import { TestProcess } from '../setup/child-process';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { Answer, attribute, DataApiClient, ok, refused } from './data-api-server';
import { expectStatus, ManagementClient } from './management-server';

// Other programs start here, beside whatever else the machine does: patience is not what is tested.
jest.setTimeout(300_000);

const WRITERS = 4;
const TOKEN = 'demo-token';

interface Gateway {
  readonly process: TestProcess;
  readonly url: string;
  readonly data: DataApiClient;
}

/** An acknowledged write: its id, and by which test's clock it was answered. */
interface Load {
  readonly acknowledged: Set<string>;
  /** Every answer, in order. */
  readonly answers: Answer[];
  stop(): Promise<void>;
}

let folder: string;
let database: TestDatabase;
let backend: TableBackend;
let sql: Client;
let first: Gateway;
let second: Gateway;
let tables = 0;
const loads: Load[] = [];

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'maintenance-processes-')));
  database = await createTestDatabase();
  backend = await createPostgresTableBackend({ connectionString: database.url });
  sql = new Client({ connectionString: database.url });
  await sql.connect();
  [first, second] = await Promise.all([startGateway(), startGateway()]);
});
afterEach(async () => {
  await sql.query('ROLLBACK');
  for (const gateway of [first, second]) gateway.process.signal('SIGCONT');
  await Promise.all(loads.splice(0).map((load) => load.stop()));
});
afterAll(async () => {
  await Promise.all([first.process.kill(), second.process.kill()]);
  await sql.end();
  await backend.close();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

/** `npm start`'s own program. */
async function startGateway(): Promise<Gateway> {
  const process = TestProcess.start('src/gateway/main.ts', {
    PORT: '0',
    HOST: '',
    NODE_ENV: 'development',
    LOG_LEVEL: 'silent',
    DEV_TOKENS: `${TOKEN}=demo:member`,
    DATABASE_URL: database.url,
    DATA_DIR: folder,
    LEASE_SECONDS: '2',
  });
  const ready = /ready: (http:\/\/\S+) /;
  await until(() => ready.test(process.stdout) || !process.running, 60_000, 'the gateway did not become ready');
  const url = ready.exec(process.stdout)?.[1];
  if (url === undefined) throw new Error(`the gateway did not start: ${process.stderr}`);
  return { process, url, data: new DataApiClient(url, TOKEN, 'demo') };
}

async function newTable(): Promise<TableRef> {
  const name = `load_${(tables += 1)}`;
  await ok(first.data.createTable(name, [attribute('id', 'S')], [{ attribute_name: 'id', key_type: 'HASH' }]));
  return { projectId: 'demo', name };
}

const item = (id: string): object => ({ item: { id: { S: id } } });

/** Puts new items without end, each with an id of its own. */
function load(gateway: Gateway, { name }: TableRef): Load {
  let going = true;
  const acknowledged = new Set<string>();
  const answers: Answer[] = [];
  const writer = async (writer: number): Promise<void> => {
    for (let n = 0; going; n++) {
      const id = `${gateway.url} ${writer} ${n}`;
      const answer = await gateway.data.call(name, 'put_item', item(id));
      answers.push(answer);
      if (answer.status === 200) acknowledged.add(id);
    }
  };
  const writers = Promise.all(Array.from({ length: WRITERS }, (_each, index) => writer(index)));
  const stop = async (): Promise<void> => {
    going = false;
    await writers;
  };
  const made = { acknowledged, answers, stop };
  loads.push(made);
  return made;
}

const statuses = ({ answers }: Load, since = 0): number[] => [...new Set(answers.slice(since).map(({ status }) => status))].sort();

/** Every item's id, read beside the data API: reads of a handle see a locked table, too. */
async function idsIn(ref: TableRef): Promise<Set<string>> {
  const handle = await backend.openTable(ref);
  const ids = new Set<string>();
  for await (const block of backend.readRange(handle, { start: null, end: null, estimatedItems: 0 }, {})) {
    for (const line of block.lines.toString().split('\n').slice(0, -1)) {
      ids.add((JSON.parse(line) as { Item: { id: { S: string } } }).Item.id.S);
    }
  }
  return ids;
}

const answered = (each: Load, more: number): Promise<true> => {
  const wanted = each.answers.length + more;
  return until(() => each.answers.length >= wanted);
};

/** Sessions of a gateway that wait for a row or a table that somebody else has. */
const waiting = (): Promise<true> =>
  until(async () => {
    const found = await sql.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'magnetodb-tables'`,
    );
    return found.rowCount === 1;
  });

describe('two gateway processes under load', () => {
  it('write nothing while a table is locked, refuse every call on it, and serve other tables undisturbed', async () => {
    const [ref, free] = [await newTable(), await newTable()];
    const writers = [load(first, ref), load(second, ref)];
    const others = [load(first, free), load(second, free)];
    await Promise.all([...writers, ...others].map((each) => answered(each, 50)));
    const { lockedMilliseconds } = await withTableLock(backend, ref, 'test', 60, async () => {
      const since = writers.map(({ answers }) => answers.length + WRITERS);
      const atLock = await idsIn(ref);
      await Promise.all([...writers, ...others].map((each) => answered(each, 50)));
      for (const gateway of [first, second]) await expectRefusals(gateway, ref, free);
      // Behind those that were on their way when the lock came, there are refusals only.
      writers.forEach((each, index) => expect(statuses(each, since[index])).toEqual([423]));
      expect(await idsIn(ref)).toEqual(atLock);
      for (const { acknowledged } of writers) for (const id of acknowledged) expect(atLock.has(id)).toBe(true);
    });
    expect(lockedMilliseconds).toBeGreaterThan(0);
    await Promise.all(writers.map((each) => until(() => each.answers.at(-1)?.status === 200)));
    await Promise.all([...writers, ...others].map((each) => each.stop()));
    for (const each of others) expect(statuses(each)).toEqual([200]);
    for (const each of writers) expect(statuses(each)).toEqual([200, 423]);
    expect(await idsIn(ref)).toEqual(new Set(writers.flatMap(({ acknowledged }) => [...acknowledged])));
  });

  it('of which one is stopped in the middle of a write: the lock ends that write, and it never lands', async () => {
    const ref = await newTable();
    await ok(first.data.call(ref.name, 'put_item', item('held')));
    const physical = (await backend.openTable(ref)).generation.replaceAll('-', '');
    await sql.query(`BEGIN; SELECT FROM magnetodb_data.c_${physical} FOR UPDATE`);
    const stuck = first.data.call(ref.name, 'put_item', { item: { id: { S: 'held' }, by: { S: 'a stopped process' } } });
    await waiting();
    const own = load(first, ref);
    const other = load(second, ref);
    await Promise.all([own, other].map((each) => answered(each, 20)));
    first.process.signal('SIGSTOP');
    // Its session has the row now, within a transaction that nobody ends.
    await sql.query('ROLLBACK');
    await withTableLock(backend, ref, 'test', 60, async () => {
      const atLock = await idsIn(ref);
      const since = other.answers.length + WRITERS;
      await answered(other, 20);
      expect(statuses(other, since)).toEqual([423]);
      first.process.signal('SIGCONT');
      // It comes back late, under the lock. Whatever it had begun was ended; whatever it begins is refused.
      expect((await stuck).status).toBe(503);
      await answered(own, 20);
      expect(own.answers.at(-1)?.status).toBe(423);
      expect(await idsIn(ref)).toEqual(atLock);
      for (const id of own.acknowledged) expect(atLock.has(id)).toBe(true);
    });
    await until(() => own.answers.at(-1)?.status === 200);
    await Promise.all([own.stop(), other.stop()]);
    expect(statuses(own).every((status) => [200, 423, 503].includes(status))).toBe(true);
    expect(statuses(other)).toEqual([200, 423]);
    expect((await ok(second.data.call(ref.name, 'get_item', { key: { id: { S: 'held' } } })))['item']).toEqual({ id: { S: 'held' } });
    expect(await idsIn(ref)).toEqual(new Set(['held', ...own.acknowledged, ...other.acknowledged]));
  });

  it('go on after the deadline if the holder was killed, and if it was stopped, which then hears of it', async () => {
    const ref = await newTable();
    const hold = async (): Promise<TestProcess> => {
      const holder = TestProcess.start('test/setup/lock-holder.ts', { DATABASE_URL: database.url, TABLE: ref.name, SECONDS: '2' });
      await until(() => holder.stdout.includes('locked'));
      for (const gateway of [first, second]) {
        expect((await gateway.data.call(ref.name, 'put_item', item('locked out'))).status).toBe(423);
      }
      return holder;
    };
    const killed = await hold();
    await killed.kill();
    for (const gateway of [first, second]) {
      await until(async () => (await gateway.data.call(ref.name, 'put_item', item('after the deadline'))).status === 200);
    }
    const stopped = await hold();
    stopped.signal('SIGSTOP');
    for (const gateway of [first, second]) {
      await until(async () => (await gateway.data.call(ref.name, 'put_item', item('in the meantime'))).status === 200);
    }
    expect((await backend.describeTable(ref)).status).toBe('ACTIVE');
    stopped.signal('SIGCONT');
    await stopped.exited;
    expect(stopped.stdout).toMatch(/lost: The lock of table .* ran out/);
    expect(await idsIn(ref)).toEqual(new Set(['after the deadline', 'in the meantime']));
  });

  it('see the old table or the new one while it is replaced, and no call fails', async () => {
    const ref = await newTable();
    const client = new ManagementClient(first.url, 'spec', TOKEN, 'demo');
    await ok(first.data.call(ref.name, 'put_item', item('backed up')));
    const { id } = await client.madeBackup(ref.name);
    const writers = [load(first, ref), load(second, ref)];
    for (let swap = 0; swap < 3; swap++) {
      await Promise.all(writers.map((each) => answered(each, 20)));
      const asked = await expectStatus(client.createRestore(ref.name, { id, on_existing: 'replace' }), 202);
      expect(await client.finished(() => client.restore(ref.name, asked['id']), 'RESTORING')).toEqual(expect.objectContaining({ status: 'RESTORED' }));
    }
    await Promise.all(writers.map((each) => answered(each, 20)));
    await Promise.all(writers.map((each) => each.stop()));
    for (const each of writers) expect(statuses(each).filter((status) => status !== 423)).toEqual([200]);
    expect((await ok(second.data.call(ref.name, 'get_item', { key: { id: { S: 'backed up' } } })))['item']).toBeDefined();
  });
});

/** Every kind of data call on the locked table; a batch that names it does nothing to the other one. */
async function expectRefusals({ data }: Gateway, { name }: TableRef, free: TableRef): Promise<void> {
  const key = { id: { S: 'x' } };
  const path = (call: string): string => `tables/${name}/${call}`;
  const calls: [string, unknown][] = [
    [path('put_item'), item('x')],
    [path('get_item'), { key }],
    [path('update_item'), { key, attribute_updates: {} }],
    [path('delete_item'), { key }],
    [path('query'), { key_conditions: { id: { attribute_value_list: [key.id], comparison_operator: 'EQ' } } }],
    [path('scan'), {}],
    ['batch_get_item', { request_items: { [free.name]: { keys: [key] }, [name]: { keys: [key] } } }],
    ['batch_write_item', { request_items: { [free.name]: [{ put_request: item('half a batch') }], [name]: [{ put_request: item('x') }] } }],
  ];
  for (const [url, body] of calls) {
    const { headers } = await refused(data.post(url, body), 423, 'TableLocked');
    expect(Number(headers.get('Retry-After'))).toBeGreaterThanOrEqual(1);
  }
  await refused(data.bulkLoad(name, `${JSON.stringify(item('x'))}\n`), 423, 'TableLocked');
  await refused(data.deleteTable(name), 423, 'TableLocked');
  expect(await ok(data.get(`tables/${name}`))).toMatchObject({ table: { table_status: 'MAINTENANCE' } });
  expect(await ok(data.call(free.name, 'get_item', { key: { id: { S: 'half a batch' } } }))).toEqual({});
}

