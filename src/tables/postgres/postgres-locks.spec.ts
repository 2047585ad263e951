import { Client } from 'pg';
import { TableRef, newId } from '../../kernel';
import {
  PLAIN,
  code,
  decoded,
  freshTable,
  load,
  plainItem,
  plainItems,
  put,
  readBlocks,
  s,
  scanAll,
} from '../../../test/contract/table-backend/harness';
import { TestDatabase, createTestDatabase } from '../../../test/setup/database';
import { until } from '../../../test/setup/until';
import { TableBackend } from '../table-backend';
import { createPostgresTableBackend } from './postgres-table-backend';
import { lockShared } from './registry';

let database: TestDatabase;
/** Holds locks, so that a call stops where a test wants it to. */
let holder: Client;
/** Looks on; not from within the holder's transaction, where activity is as it was at its first look. */
let observer: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  holder = new Client({ connectionString: database.url });
  observer = new Client({ connectionString: database.url });
  await Promise.all([holder.connect(), observer.connect()]);
});
afterEach(() => holder.query('ROLLBACK'));
afterAll(async () => {
  await Promise.all([holder.end(), observer.end()]);
  await database.drop();
});

async function withBackend(work: (backend: TableBackend) => Promise<void>): Promise<void> {
  const backend = await createPostgresTableBackend({ connectionString: database.url, maxConnections: 4 });
  try {
    await work(backend);
  } finally {
    await holder.query('ROLLBACK');
    await backend.close();
  }
}

/** Waits until so many sessions of this database wait for a lock. */
async function waiting(sessions: number): Promise<void> {
  await until(async () => {
    const found = await observer.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'magnetodb-tables'`,
    );
    return found.rowCount === sessions;
  });
}

async function physicalTable(backend: TableBackend, ref: TableRef): Promise<string> {
  return `magnetodb_data.c_${(await backend.openTable(ref)).generation.replaceAll('-', '')}`;
}

describe('whoever swaps a table', () => {
  it.each(['replace', 'drop', 'merge'])('waits for the writes on their way (%s)', async (what) => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      const item = plainItem('a', 1);
      await put(backend, ref, [item]);
      const { id } = await backend.describeTable(ref);
      const build = await backend.openBuild('demo', newId(), PLAIN);
      await backend.sealBuild(build);
      const acts: Record<string, () => Promise<unknown>> = {
        replace: () => backend.publishBuild(build, ref.name, { mode: 'replace', tableId: id, graceSeconds: 60 }),
        drop: () => backend.dropTable(ref),
        merge: () => backend.beginMerge(ref, 'job'),
      };
      const order: string[] = [];
      await holder.query(`BEGIN; SELECT * FROM ${await physicalTable(backend, ref)} FOR UPDATE`);
      const write = backend.putItem(ref, plainItem('a', 1, { v: s('new') }), {}).then(() => order.push('written'));
      await waiting(1);
      const act = acts[what]?.().then(() => order.push(what));
      await waiting(2);
      await holder.query('ROLLBACK');
      await Promise.all([write, act]);
      expect(order).toEqual(['written', what]);
    });
  });

  it('waits for the writes on their way, and lets in no other meanwhile (first half of a drop)', async () => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      await put(backend, ref, [plainItem('a', 1)]);
      const order: string[] = [];
      await holder.query(`BEGIN; SELECT * FROM ${await physicalTable(backend, ref)} FOR UPDATE`);
      const write = backend.putItem(ref, plainItem('a', 1, { v: s('new') }), {}).then(() => order.push('written'));
      await waiting(1);
      const drop = backend.beginDrop(ref, 'drop').then(() => order.push('begun'));
      await until(async () => (await backend.describeTable(ref)).status === 'DELETING');
      await expect(backend.putItem(ref, plainItem('b', 1), {})).rejects.toEqual(code('ResourceInUseException'));
      expect(order).toEqual([]);
      await holder.query('ROLLBACK');
      await Promise.all([write, drop]);
      expect(order).toEqual(['written', 'begun']);
    });
  });

  it('is noticed by a page that was being read', async () => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(10));
      const { id } = await backend.describeTable(ref);
      const build = await backend.openBuild('demo', newId(), PLAIN);
      await backend.sealBuild(build);
      const handle = await backend.openTable(ref);
      await holder.query(`BEGIN; LOCK TABLE ${await physicalTable(backend, ref)}`);
      const reading = readBlocks(backend, handle);
      reading.catch(() => undefined);
      await waiting(1);
      await backend.publishBuild(build, ref.name, { mode: 'replace', tableId: id, graceSeconds: 60 });
      await holder.query('ROLLBACK');
      await expect(reading).rejects.toEqual(code('TableChanged'));
    });
  });

  it('does not lead a read astray that had looked the table up before', async () => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(10));
      const { id } = await backend.describeTable(ref);
      const build = await backend.openBuild('demo', newId(), PLAIN);
      await load(backend, build, [decoded(PLAIN, plainItem('new', 1))]);
      await backend.sealBuild(build);
      const old = await physicalTable(backend, ref);
      await holder.query(`BEGIN; LOCK TABLE ${old}`);
      const scanning = scanAll(backend, ref);
      await waiting(1);
      await backend.publishBuild(build, ref.name, { mode: 'replace', tableId: id, graceSeconds: 0 });
      await holder.query(`DROP TABLE ${old}; COMMIT`);
      expect(await scanning).toEqual([plainItem('new', 1)]);
    });
  });
});

describe('MAINTENANCE', () => {
  /** A write of `a/1` that waits for its row until the holder lets go; the table. */
  async function stuckWrite(backend: TableBackend): Promise<{ ref: TableRef; write: Promise<unknown> }> {
    const ref = await freshTable(backend);
    await put(backend, ref, [plainItem('a', 1)]);
    await holder.query(`BEGIN; SELECT * FROM ${await physicalTable(backend, ref)} FOR UPDATE`);
    const write = backend.putItem(ref, plainItem('a', 1, { v: s('late') }), {});
    write.catch(() => undefined);
    await waiting(1);
    return { ref, write };
  }

  const inMaintenance = (backend: TableBackend, ref: TableRef): Promise<true> =>
    until(async () => (await backend.describeTable(ref)).status === 'MAINTENANCE');

  it('waits for the writes on their way, and refuses others meanwhile without making them queue', async () => {
    await withBackend(async (backend) => {
      const { ref, write } = await stuckWrite(backend);
      const order: string[] = [];
      const locking = backend.lock(ref, { owner: 'job', seconds: 60 }).then(() => order.push('locked'));
      await inMaintenance(backend, ref);
      const free = await freshTable(backend);
      // Were they to wait, the pool's four connections would be gone, for other tables too.
      const refused = Array.from({ length: 20 }, () => backend.putItem(ref, plainItem('b', 1), {}));
      for (const each of refused) await expect(each).rejects.toEqual(code('TableLocked'));
      await backend.putItem(free, plainItem('a', 1), {});
      expect(order).toEqual([]);
      await holder.query('ROLLBACK');
      await Promise.all([write.then(() => order.push('written')), locking]);
      expect(order).toEqual(['written', 'locked']);
      expect(await backend.unlock(ref, 'job')).toBe(true);
      expect(await scanAll(backend, ref)).toEqual([plainItem('a', 1, { v: s('late') })]);
    });
  });

  it('is given up, and leaves the table free, if its time is over before the writes on their way are', async () => {
    await withBackend(async (backend) => {
      const { ref, write } = await stuckWrite(backend);
      await expect(backend.lock(ref, { owner: 'job', seconds: 1 })).rejects.toEqual(
        expect.objectContaining({ code: 'ServiceUnavailable', transient: true }),
      );
      const row = await observer.query(`SELECT lock_owner, lock_deadline FROM magnetodb.table_info WHERE name = $1`, [
        ref.name,
      ]);
      expect(row.rows).toEqual([{ lock_owner: null, lock_deadline: null }]);
      await holder.query('ROLLBACK');
      await write;
    });
  });

  it('ends a transaction that holds the table and does not go on', async () => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      const stopped = new Client({ connectionString: database.url });
      stopped.on('error', () => undefined);
      await stopped.connect();
      await stopped.query(
        `BEGIN; ${lockShared(ref)}; INSERT INTO ${await physicalTable(backend, ref)} (hash_key, range_key, written_at) VALUES ('x', 'x', 0)`,
      );
      await backend.lock(ref, { owner: 'job', seconds: 60 });
      await expect(stopped.query('COMMIT')).rejects.toThrow();
      expect((await observer.query(`SELECT FROM ${await physicalTable(backend, ref)}`)).rowCount).toBe(0);
      expect(await backend.unlock(ref, 'job')).toBe(true);
    });
  });
});

describe('the sweep', () => {
  it('forgets locks that ran out, and no other', async () => {
    await withBackend(async (backend) => {
      const [dead, alive] = [await freshTable(backend), await freshTable(backend)];
      for (const ref of [dead, alive]) await backend.lock(ref, { owner: ref.name, seconds: 60 });
      await observer.query(`UPDATE magnetodb.table_info SET lock_deadline = 1 WHERE name = $1`, [dead.name]);
      await backend.sweep();
      const rows = await observer.query(`SELECT name FROM magnetodb.table_info WHERE lock_owner IS NOT NULL`);
      expect(rows.rows).toEqual([{ name: alive.name }]);
    });
  });

  it('leaves out a table that is busy, and does the others', async () => {
    await withBackend(async (backend) => {
      const past = Math.floor(Date.now() / 1000) - 10;
      const refs = [await freshTable(backend), await freshTable(backend), await freshTable(backend)];
      for (const ref of refs) await backend.putItems(ref, [{ item: plainItem('a', 1), expiresAt: past }]);
      const [first, busy, last] = await Promise.all(refs.map((ref) => physicalTable(backend, ref)));
      await holder.query(`BEGIN; LOCK TABLE ${busy}`);
      await backend.sweep();
      await holder.query('ROLLBACK');
      const rows = async (table: string | undefined): Promise<number | null> =>
        (await observer.query(`SELECT 1 FROM ${table}`)).rowCount;
      expect([await rows(first), await rows(busy), await rows(last)]).toEqual([0, 1, 0]);
    });
  });
});

describe('a merge', () => {
  it('loses to later writes even if the server’s clock was set back', async () => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      const { handle } = await backend.beginMerge(ref, 'job');
      // As if it had begun an hour from now.
      const ahead = (Date.now() + 3_600_000) * 1000;
      await observer.query(`UPDATE magnetodb.table_merges SET write_time = $1 WHERE table_id = $2`, [
        ahead,
        handle.tableId,
      ]);
      const live = [plainItem('a', 1, { by: s('put') }), plainItem('a', 2, { by: s('batch') })];
      await backend.putItems(
        ref,
        live.slice(1).map((item) => ({ item, expiresAt: undefined })),
      );
      await backend.putItem(ref, plainItem('a', 1, { by: s('put') }), {});
      await backend.deleteItem(ref, plainItem('a', 3), {});
      const merged = [1, 2, 3].map((range) => decoded(PLAIN, plainItem('a', range, { by: s('merge') })));
      await backend.mergeItems(ref, handle, merged, ahead);
      expect(await scanAll(backend, ref)).toEqual(live);
      expect((await backend.beginMerge(ref, 'later')).writeTimeMicros).toBeGreaterThan(ahead);
    });
  });
});
