import { Client } from 'pg';
import {
  INDEXED,
  code,
  digestOf,
  freshTable,
  n,
  plainItem,
  plainItems,
  put,
  readBlocks,
  scanAll,
  text,
  texts,
} from '../../../test/contract/table-backend/harness';
import { TestDatabase, createTestDatabase } from '../../../test/setup/database';
import { until } from '../../../test/setup/until';
import { Item, ManualClock, TableDigest, TableRef, newId } from '../../kernel';
import { ExpectedRows, NativeBlock, NativeSnapshot, NativeTables, SnapshotOptions } from '../native-tables';
import { BuildHandle, TableBackend } from '../table-backend';
import { createPostgresTableBackend } from './postgres-table-backend';

const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);
const MAX_CONNECTIONS = 6;

let database: TestDatabase;
let server: Client;
let backend: TableBackend;
let native: NativeTables;
const clock = new ManualClock(Date.now());
const opened: NativeSnapshot[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  server = new Client({ connectionString: database.url });
  await server.connect();
  backend = await createPostgresTableBackend({
    connectionString: database.url,
    clock,
    maxConnections: MAX_CONNECTIONS,
  });
  if (!backend.native) throw new Error('PostgreSQL has a format of its own');
  native = backend.native;
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((snapshot) => snapshot.close()));
});
afterAll(async () => {
  await server.end();
  await backend.close();
  await database.drop();
});

async function snapshotOf(ref: TableRef, options: Partial<SnapshotOptions> = {}): Promise<NativeSnapshot> {
  const handle = await backend.openTable(ref);
  const cutoff = Math.floor(clock.now() / 1000);
  const snapshot = await native.openSnapshot(handle, {
    targetBytes: 20_000,
    maxParts: 100,
    expiryCutoff: cutoff,
    ...options,
  });
  opened.push(snapshot);
  return snapshot;
}

const never = new AbortController().signal;

/** All parts, shared by so many streams. */
async function readAll(snapshot: NativeSnapshot, streams = 1): Promise<NativeBlock[]> {
  const blocks: NativeBlock[] = [];
  let next = 0;
  const readers = [];
  for (let index = 0; index < streams; index++) {
    const stream = await snapshot.openStream();
    if (!stream) throw new Error('a stream is missing');
    readers.push(
      (async () => {
        for (let part = next++; part < snapshot.partCount; part = next++) {
          for await (const block of stream.read(part, never))
            blocks.push({ ...block, lines: Buffer.from(block.lines) });
        }
      })(),
    );
  }
  await Promise.all(readers);
  return blocks;
}

function digestOfBlocks(blocks: readonly NativeBlock[]): TableDigest {
  const digest = new TableDigest();
  for (const block of blocks) digest.merge(block.digest);
  return digest;
}

const fileOf = (blocks: readonly NativeBlock[]): Buffer =>
  Buffer.concat([HEADER, ...blocks.map(({ lines }) => lines), TRAILER]);

const build = (rows: ExpectedRows = { items: 2000, expiring: 0 }): Promise<BuildHandle> =>
  native.openBuild('demo', newId(), INDEXED, rows);

const physical = ({ generation }: BuildHandle): string => `c_${generation.replaceAll('-', '')}`;

async function indexesOf(made: BuildHandle): Promise<string[]> {
  const found = await server.query<{ indexdef: string }>('SELECT indexdef FROM pg_indexes WHERE tablename = $1', [
    physical(made),
  ]);
  return found.rows.map(({ indexdef }) => indexdef.replace(/^.* USING /, '')).sort();
}

/** Items with an index's attribute, some without. */
const indexedItems = (count: number): Item[] =>
  plainItems(count).map((item, index) => (index % 3 === 0 ? item : new Map([...item, ['i', n(index)]])));

async function bigTable(): Promise<{ ref: TableRef; items: Item[] }> {
  const ref = await freshTable(backend, INDEXED);
  const items = indexedItems(2000);
  await put(backend, ref, items);
  return { ref, items };
}

async function sessions(condition: string): Promise<number> {
  const found = await server.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'magnetodb-tables' AND ${condition}`,
  );
  return found.rowCount ?? 0;
}

const openSessions = (): Promise<number> => sessions(`state <> 'idle'`);

describe('a snapshot', () => {
  it('is the table when it was opened, each item once, whatever is written, deleted and moved about meanwhile', async () => {
    const { ref, items } = await bigTable();
    const snapshot = await snapshotOf(ref);
    expect(snapshot.partCount).toBeGreaterThan(5);
    await put(
      backend,
      ref,
      items.slice(0, 1500).map((item) => new Map([...item, ['v', n(0)]])),
    );
    for (const item of items.slice(1500, 1520)) await backend.deleteItem(ref, item, {});
    await put(backend, ref, [plainItem('new', 1)]);
    await server.query('VACUUM');
    const blocks = await readAll(snapshot, 2);
    expect(blocks.reduce((sum, block) => sum + block.itemCount, 0)).toBe(2000);
    expect(digestOfBlocks(blocks).equals(digestOf(INDEXED, items))).toBe(true);
  });

  it('is read whole after its table was dropped', async () => {
    const { ref, items } = await bigTable();
    const snapshot = await snapshotOf(ref);
    let over = false;
    const dropped = backend.dropTable(ref).finally(() => (over = true));
    // It waits for the snapshot, or it would be done with the rows.
    await until(async () => over || (await sessions(`wait_event_type = 'Lock'`)) > 0);
    const blocks = await readAll(snapshot);
    expect(digestOfBlocks(blocks).equals(digestOf(INDEXED, items))).toBe(true);
    await snapshot.close();
    await dropped;
    await backend.sweep();
    await expect(backend.describeTable(ref)).rejects.toEqual(code('TableNotExistsException'));
  });

  it('holds neither expired items nor delete marks', async () => {
    const ref = await freshTable(backend, INDEXED);
    const now = Math.floor(clock.now() / 1000);
    await backend.putItems(ref, [
      { item: plainItem('a', 1), expiresAt: now - 1 },
      { item: plainItem('a', 2), expiresAt: now + 1000 },
      { item: plainItem('a', 3), expiresAt: undefined },
      { item: plainItem('a', 4), expiresAt: undefined },
    ]);
    await backend.beginMerge(ref, 'owner');
    await backend.deleteItem(ref, plainItem('a', 4), {});
    const blocks = await readAll(await snapshotOf(ref));
    expect(blocks).toEqual([expect.objectContaining({ itemCount: 2, expiringCount: 1 })]);
    expect(digestOfBlocks(blocks).equals(digestOf(INDEXED, [plainItem('a', 2), plainItem('a', 3)]))).toBe(true);
  });

  it('of an empty table has one part without blocks', async () => {
    const snapshot = await snapshotOf(await freshTable(backend));
    expect(snapshot.partCount).toBe(1);
    expect(await readAll(snapshot)).toEqual([]);
  });

  it('of a content that is gone is TableChanged', async () => {
    const ref = await freshTable(backend);
    const handle = await backend.openTable(ref);
    await backend.dropTable(ref);
    const options = { targetBytes: 1, maxParts: 1, expiryCutoff: 0 };
    await expect(native.openSnapshot(handle, options)).rejects.toEqual(code('TableChanged'));
  });

  it('leaves half of the connections to others, and gives back what it had', async () => {
    const { ref } = await bigTable();
    const snapshots = [await snapshotOf(ref), await snapshotOf(ref)];
    let streams = 0;
    for (const snapshot of snapshots) while (await snapshot.openStream()) streams++;
    expect(streams).toBe(2 + MAX_CONNECTIONS / 2);
    expect(await openSessions()).toBe(streams);
    await Promise.all(snapshots.map((snapshot) => snapshot.close()));
    expect(await openSessions()).toBe(0);
    const again = await snapshotOf(ref);
    for (let count = 0; count < 1 + MAX_CONNECTIONS / 2; count++) expect(await again.openStream()).toBeDefined();
  });

  it('stops when it is told to, and its connection is not used again', async () => {
    const { ref } = await bigTable();
    const snapshot = await snapshotOf(ref, { targetBytes: 10_000_000 });
    const stop = new AbortController();
    const stream = await snapshot.openStream();
    const reading = (async () => {
      for await (const _block of stream?.read(0, stop.signal) ?? []) stop.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
    await snapshot.close();
    expect(await openSessions()).toBe(0);
  });
});

describe('rows of a snapshot', () => {
  it('make a table of the same items, with its indexes', async () => {
    const { ref, items } = await bigTable();
    const blocks = await readAll(await snapshotOf(ref), 2);
    const made = await build();
    const half = blocks.length >> 1;
    await native.loadRows(made, { id: '0', file: fileOf(blocks.slice(0, half)) });
    await native.loadRows(made, { id: '1', file: fileOf(blocks.slice(half)) });
    await backend.sealBuild(made);
    expect(await native.countRows(made)).toBe(2000);
    const digest = new TableDigest();
    for (const block of await readBlocks(backend, made)) digest.merge(block.digest);
    expect(digest.equals(digestOf(INDEXED, items))).toBe(true);
    const target = { projectId: 'demo', name: `t-${newId()}` };
    await backend.publishBuild(made, target.name, { mode: 'create' });
    const hashValue = new Map([['h', { type: 'S' as const, value: 'hash-1' }]]);
    const query = { hashValue, indexName: 'by_i', forward: true, consistent: true };
    const [expected, found] = await Promise.all([backend.query(ref, query), backend.query(target, query)]);
    expect(found.items.length).toBeGreaterThan(100);
    expect(texts(found.items)).toEqual(texts(expected.items));
  });

  it('are older than every write: merges and writes win', async () => {
    const ref = await freshTable(backend, INDEXED);
    await put(backend, ref, [plainItem('a', 1)]);
    const made = await build();
    await native.loadRows(made, { id: '0', file: fileOf(await readAll(await snapshotOf(ref))) });
    await backend.sealBuild(made);
    const found = await server.query(`SELECT written_at FROM magnetodb_data.${physical(made)}`);
    expect(found.rows).toEqual([{ written_at: '0' }]);
  });

  it('of one part are added once, also after a crash, and by two at a time', async () => {
    const { ref } = await bigTable();
    const made = await build();
    const part = { id: '0', file: fileOf(await readAll(await snapshotOf(ref))) };
    await Promise.all([native.loadRows(made, part), native.loadRows(made, part)]);
    await native.loadRows(made, part);
    expect(await native.countRows(made)).toBe(2000);
    await backend.sealBuild(made);
    await backend.sealBuild(made);
  });

  it('of one key are a collision when the build is sealed', async () => {
    const ref = await freshTable(backend, INDEXED);
    await put(backend, ref, [plainItem('a', 1)]);
    const file = fileOf(await readAll(await snapshotOf(ref)));
    const made = await build();
    await native.loadRows(made, { id: '0', file });
    await native.loadRows(made, { id: '1', file });
    await expect(backend.sealBuild(made)).rejects.toEqual(code('KeyCollision'));
  });

  it('are not loaded when they are no longer wanted', async () => {
    const { ref } = await bigTable();
    const made = await build();
    const file = fileOf(await readAll(await snapshotOf(ref)));
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(native.loadRows(made, { id: '0', file }, stop)).rejects.toThrow('enough');
    expect(await native.countRows(made)).toBe(0);
  });

  it('that the table does not take are damage, and none is added', async () => {
    const ref = await freshTable(backend, INDEXED);
    await put(backend, ref, [plainItem('a', 1), plainItem('a', 2)]);
    const blocks = await readAll(await snapshotOf(ref));
    const made = await build();
    const cut = fileOf(blocks).subarray(0, -20);
    await expect(native.loadRows(made, { id: '0', file: cut })).rejects.toEqual(code('ArchiveDamaged'));
    expect(await native.countRows(made)).toBe(0);
    await native.loadRows(made, { id: '0', file: fileOf(blocks) });
    expect(await native.countRows(made)).toBe(2);
  });

  it('go into builds only', async () => {
    const made = await build();
    await backend.dropBuild('demo', made.buildId);
    await expect(native.loadRows(made, { id: '0', file: fileOf([]) })).rejects.toEqual(code('TableChanged'));
  });

  it('that have expired stay invisible', async () => {
    const ref = await freshTable(backend, INDEXED);
    const now = Math.floor(clock.now() / 1000);
    await backend.putItems(ref, [
      { item: plainItem('a', 1), expiresAt: now + 5 },
      { item: plainItem('a', 2), expiresAt: undefined },
    ]);
    const part = { id: '0', file: fileOf(await readAll(await snapshotOf(ref))) };
    clock.advance(6000);
    const made = await build();
    await native.loadRows(made, part);
    await backend.sealBuild(made);
    expect(await native.countRows(made)).toBe(2);
    const target = { projectId: 'demo', name: `t-${newId()}` };
    await backend.publishBuild(made, target.name, { mode: 'create' });
    expect((await scanAll(backend, target)).map(text)).toEqual([text(plainItem('a', 2))]);
  });

  it.each([
    ['before them, if few expire', { items: 2000, expiring: 40 }, 1],
    ['behind them, if many expire', { items: 2000, expiring: 41 }, 0],
  ])('have their index of expiries made %s', async (_when, rows, before) => {
    const ref = await freshTable(backend, INDEXED);
    const expiresAt = Math.floor(clock.now() / 1000) + 100;
    await backend.putItems(ref, [
      { item: plainItem('a', 1), expiresAt },
      { item: plainItem('a', 2), expiresAt: undefined },
    ]);
    const made = await build(rows);
    const ofExpiries = 'btree (expires_at) WHERE (expires_at IS NOT NULL)';
    expect(await indexesOf(made)).toEqual([ofExpiries].slice(0, before));
    await native.loadRows(made, { id: '0', file: fileOf(await readAll(await snapshotOf(ref))) });
    await backend.sealBuild(made);
    const ofItems = ['btree (hash_key, i0, range_key) WHERE (i0 IS NOT NULL)', 'btree (hash_key, range_key)'];
    expect(await indexesOf(made)).toEqual([ofExpiries, ...ofItems]);
    await backend.publishBuild(made, `t-${newId()}`, { mode: 'create' });
    clock.advance(101_000);
    await backend.sweep();
    const left = await server.query(`SELECT expires_at FROM magnetodb_data.${physical(made)}`);
    expect(left.rows).toEqual([{ expires_at: null }]);
  });

  it('are known to the planner once sealed, what is searched that is; the rest is left to autovacuum, which is still due', async () => {
    // Of a process of its own: what it changed is counted when it ends, at the latest.
    const other = await createPostgresTableBackend({ connectionString: database.url, clock });
    const made = await build();
    await server.query(`ALTER TABLE magnetodb_data.${physical(made)} SET (autovacuum_enabled = off)`);
    try {
      const { ref } = await bigTable();
      const file = fileOf(await readAll(await snapshotOf(ref)));
      await other.native?.loadRows(made, { id: '0', file });
      await other.sealBuild(made);
    } finally {
      await other.close();
    }
    const known = await server.query('SELECT attname FROM pg_stats WHERE tablename = $1 ORDER BY 1', [physical(made)]);
    expect(known.rows.map(({ attname }) => attname)).toEqual(['expires_at', 'hash_key', 'i0', 'range_key']);
    const found = await server.query(`SELECT reltuples FROM pg_class WHERE relname = $1`, [physical(made)]);
    expect(found.rows).toEqual([{ reltuples: 2000 }]);
    await until(async () => {
      const changed = await server.query(
        `SELECT 1 FROM pg_stat_user_tables WHERE relname = $1 AND n_mod_since_analyze = 2000 AND last_analyze IS NOT NULL`,
        [physical(made)],
      );
      return changed.rowCount === 1;
    });
  });

  it('come with the version of the server', async () => {
    expect(await native.serverVersion()).toMatch(/^\d+/);
    expect(native.format).toBe('postgresql-1');
  });
});
