import { randomBytes } from 'node:crypto';
import { AddressInfo, Server, Socket, connect, createServer } from 'node:net';
import { Client } from 'pg';
import { AttributeType, Item, isDomainError, newId } from '../../kernel';
import {
  INDEXED,
  PLAIN,
  code,
  decoded,
  freshRef,
  freshTable,
  itemTexts,
  load,
  n,
  plainItem,
  plainItems,
  put,
  readBlocks,
  s,
  schemaOf,
} from '../../../test/contract/table-backend/harness';
import { TestDatabase, createTestDatabase } from '../../../test/setup/database';
import { KeyRange, TableBackend } from '../table-backend';
import { domainError } from './errors';
import { MAX_KEY_BYTES } from './key-layout';
import { migrateTables } from './migrate';
import { createPostgresTableBackend } from './postgres-table-backend';

let database: TestDatabase;
let admin: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new Client({ connectionString: database.url });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

const transient = expect.objectContaining({ code: 'ServiceUnavailable', transient: true }) as object;

async function withBackend(
  work: (backend: TableBackend) => Promise<void>,
  options: { statementTimeoutMillis?: number } = {},
): Promise<void> {
  const backend = await createPostgresTableBackend({ connectionString: database.url, maxConnections: 4, ...options });
  try {
    await work(backend);
  } finally {
    await backend.close();
  }
}

async function physicalTables(): Promise<string[]> {
  const found = await admin.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'magnetodb_data' ORDER BY 1`,
  );
  return found.rows.map((row) => row.name);
}

async function registeredContents(): Promise<string[]> {
  const found = await admin.query<{ name: string }>(
    `SELECT 'c_' || replace(id::text, '-', '') AS name FROM magnetodb.table_contents ORDER BY 1`,
  );
  return found.rows.map((row) => row.name);
}

/** A way to the database server that can be cut, and be silent. */
class Line {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  silent = false;

  async open(port = 0): Promise<number> {
    const target = new URL(database.url);
    const server = createServer((socket) => {
      const upstream = connect(Number(target.port), target.hostname);
      for (const each of [socket, upstream]) {
        this.sockets.add(each);
        each.on('error', () => undefined);
      }
      socket.on('data', (data) => upstream.write(data));
      upstream.on('data', (data) => {
        if (!this.silent) socket.write(data);
      });
      socket.on('close', () => upstream.destroy());
      upstream.on('close', () => socket.destroy());
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.server?.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    await closed;
  }
}

async function overLine(work: (backend: TableBackend, line: Line, port: number) => Promise<void>): Promise<void> {
  const line = new Line();
  const port = await line.open();
  const url = new URL(database.url);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  const backend = await createPostgresTableBackend({
    connectionString: url.href,
    statementTimeoutMillis: 500,
    connectTimeoutMillis: 2_000,
    maxConnections: 3,
  });
  try {
    await work(backend, line, port);
  } finally {
    await line.cut();
    await backend.close();
  }
}

describe('the registry’s migrations', () => {
  it('run both ways, and once if many start together', async () => {
    const own = await createTestDatabase();
    const client = new Client({ connectionString: own.url });
    await client.connect();
    try {
      const open = (): Promise<TableBackend> =>
        createPostgresTableBackend({ connectionString: own.url, maxConnections: 2 });
      const backends = await Promise.all([open(), open(), open()]);
      await freshTable(backends[0], INDEXED);
      await Promise.all(backends.map((backend) => backend.close()));
      await migrateTables(own.url, 'down', 5_000);
      const left = await client.query(
        `SELECT 1 FROM pg_tables WHERE schemaname LIKE 'magnetodb%' AND tablename <> 'table_migrations'`,
      );
      expect(left.rowCount).toBe(0);
      const again = await open();
      await freshTable(again, INDEXED);
      await again.close();
    } finally {
      await client.end();
      await own.drop();
    }
  });
});

describe('a database that is not there', () => {
  it('is ServiceUnavailable at the start', async () => {
    const starting = createPostgresTableBackend({ connectionString: 'postgres://someone:secret@127.0.0.1:1/db' });
    await expect(starting).rejects.toEqual(transient);
    await expect(starting).rejects.not.toThrow(/127|secret|someone/);
  });

  it('is ServiceUnavailable for as long as it is gone, and then everything goes on by itself', async () => {
    await overLine(async (backend, line, port) => {
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(10));
      const handle = await backend.openTable(ref);
      await line.cut();
      await expect(backend.ping()).rejects.toEqual(transient);
      await expect(backend.putItem(ref, plainItem('a', 1), {})).rejects.toEqual(transient);
      await expect(backend.getItem(ref, plainItem('a', 1), { consistent: true })).rejects.toEqual(transient);
      await expect(readBlocks(backend, handle)).rejects.toEqual(transient);
      await line.open(port);
      await backend.ping();
      expect(itemTexts(await readBlocks(backend, handle))).toHaveLength(10);
    });
  });

  it('does not keep anybody waiting when it falls silent', async () => {
    await overLine(async (backend, line) => {
      const ref = await freshTable(backend);
      line.silent = true;
      const calls = [backend.ping(), backend.describeTable(ref)];
      for (const done of await Promise.allSettled(calls))
        expect(done).toMatchObject({ status: 'rejected', reason: transient });
    });
  });

  it('may cut connections in the middle of a read or a load', async () => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      await put(backend, ref, plainItems(3000));
      const handle = await backend.openTable(ref);
      const build = await backend.openBuild('demo', newId(), PLAIN);
      const items = plainItems(3000).map((item) => decoded(PLAIN, item));
      const cutting = admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'magnetodb-tables' AND datname = current_database()`,
      );
      const reading = readBlocks(backend, handle, undefined, { blockBytes: 1000 });
      const done = await Promise.allSettled([reading, load(backend, build, items), cutting]);
      for (const each of done.slice(0, 2)) if (each.status === 'rejected') expect(each.reason).toEqual(transient);
      await load(backend, build, items);
      expect(itemTexts(await readBlocks(backend, build))).toHaveLength(3000);
      expect(itemTexts(await readBlocks(backend, handle))).toHaveLength(3000);
    });
  });

  it('that is too slow for a call ends the call', async () => {
    await withBackend(
      async (backend) => {
        const ref = await freshTable(backend);
        await put(backend, ref, [plainItem('a', 1)]);
        const { generation } = await backend.openTable(ref);
        const table = `magnetodb_data.c_${generation.replaceAll('-', '')}`;
        await admin.query(`BEGIN; SELECT * FROM ${table} FOR UPDATE`);
        try {
          await expect(backend.putItem(ref, plainItem('a', 1), {})).rejects.toEqual(transient);
        } finally {
          await admin.query('ROLLBACK');
        }
        await backend.putItem(ref, plainItem('a', 1), {});
      },
      { statementTimeoutMillis: 300 },
    );
  });
});

describe('errors', () => {
  it('say that there is no room left', () => {
    const full = Object.assign(new Error('could not extend file "base/1/2": No space left on device'), {
      severity: 'ERROR',
      code: '53100',
    });
    const error = domainError(full);
    expect(error).toEqual(code('StorageFull'));
    expect(error.message).not.toMatch(/base.1|file|device/);
  });

  it('are InternalError if nobody foresaw them, without the server’s words', () => {
    const odd = Object.assign(new Error('relation "secret" SELECT'), { severity: 'ERROR', code: '42703' });
    for (const cause of [odd, new TypeError('x is not a function: secret SELECT')]) {
      const error = domainError(cause);
      expect(error).toEqual(code('InternalError'));
      expect(error.transient).toBe(false);
      expect(error.message).not.toMatch(/secret|SELECT/);
      expect(error.cause).toBe(cause);
    }
  });

  it('of too many connections pass by themselves', () => {
    const crowded = Object.assign(new Error('sorry, too many clients already'), { severity: 'FATAL', code: '53300' });
    expect(domainError(crowded)).toEqual(transient);
  });
});

describe('keys', () => {
  const bytes = (length: number): { type: 'B'; value: string } => ({
    type: 'B',
    value: randomBytes(length).toString('base64'),
  });

  it.each([
    ['hash', [MAX_KEY_BYTES - 2, 1, 1]],
    ['range', [1, MAX_KEY_BYTES - 2, 1]],
    ['indexed attribute', [1, 1, MAX_KEY_BYTES - 2]],
    ['all three', [900, 900, MAX_KEY_BYTES - 1800]],
  ] as const)('fit into the indexes up to the limit, and not beyond (%s)', async (_what, [hash, range, indexed]) => {
    await withBackend(async (backend) => {
      const types: Record<string, AttributeType> = { h: 'B', r: 'B', i: 'B' };
      const schema = schemaOf(types, 'h', 'r', [
        { name: 'by_i', rangeAttribute: 'i', projection: { type: 'KEYS_ONLY' } },
      ]);
      const ref = await freshTable(backend, schema);
      const item = (more: number): Item =>
        new Map([
          ['h', bytes(hash)],
          ['r', bytes(range)],
          ['i', bytes(indexed + more)],
        ]);
      await backend.putItem(ref, item(0), {});
      const refused = backend.putItem(ref, item(1), {});
      await expect(refused).rejects.toEqual(code('ValidationError'));
      await expect(refused).rejects.toThrow(String(MAX_KEY_BYTES));
    });
  });
});

describe('large tables', () => {
  it('are split by a sample, in one partition too, into ranges of like size', async () => {
    await withBackend(async (backend) => {
      for (const hashes of [1, 5_000]) {
        const build = await backend.openBuild('demo', newId(), PLAIN);
        const count = 60_000;
        for (let start = 0; start < count; start += 10_000) {
          const part = Array.from({ length: 10_000 }, (_each, index) => {
            const number = ((start + index) * 7919) % count;
            return decoded(PLAIN, plainItem(`hash-${number % hashes}`, number, { v: s('x'.repeat(100)) }));
          });
          await load(backend, build, part);
        }
        const ranges = await backend.splitRanges(build, { targetBytes: 4_000_000, maxRanges: 4 });
        expect(ranges).toHaveLength(4);
        const counts: number[] = [];
        const countOf = async (range: KeyRange): Promise<number> =>
          (await readBlocks(backend, build, range, { digestOnly: true })).reduce(
            (sum, block) => sum + block.itemCount,
            0,
          );
        for (const range of ranges) counts.push(await countOf(range));
        expect(counts.reduce((sum, each) => sum + each, 0)).toBe(count);
        for (const each of counts) expect(each).toBeGreaterThan(count / 8);
        await backend.dropBuild('demo', build.buildId);
      }
    });
  });
});

describe('physical tables', () => {
  it('are all registered, and gone when nobody needs them', async () => {
    await withBackend(async (backend) => {
      const projectId = newId();
      const before = await physicalTables();
      const ref = freshRef(projectId);
      await backend.createTable(ref, INDEXED);
      const { id } = await backend.describeTable(ref);
      const builds = [];
      for (let round = 0; round < 3; round++) {
        const build = await backend.openBuild(projectId, newId(), INDEXED);
        await load(backend, build, [decoded(INDEXED, plainItem('a', 1, { i: n(round) }))]);
        await backend.sealBuild(build);
        builds.push(build);
        if (round < 2)
          await backend.publishBuild(build, ref.name, {
            mode: 'replace',
            tableId: id,
            graceSeconds: round === 0 ? 0 : 3600,
          });
      }
      expect(await physicalTables()).toEqual(await registeredContents());
      expect(await physicalTables()).toHaveLength(before.length + 4);
      await backend.sweep();
      expect(await physicalTables()).toHaveLength(before.length + 3);
      await backend.dropTable(ref);
      await backend.dropBuild(projectId, builds[2]?.buildId ?? '');
      // The content whose grace is not over yet stays.
      expect(await physicalTables()).toEqual(await registeredContents());
      expect(await physicalTables()).toHaveLength(before.length + 1);
    });
  });

  it('that are still being read are dropped later', async () => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      const { generation } = await backend.openTable(ref);
      const name = `c_${generation.replaceAll('-', '')}`;
      await admin.query(`BEGIN; SELECT * FROM magnetodb_data.${name}`);
      await backend.dropTable(ref);
      await expect(backend.describeTable(ref)).rejects.toEqual(code('TableNotExistsException'));
      expect(await physicalTables()).toContain(name);
      await admin.query('ROLLBACK');
      await backend.sweep();
      expect(await physicalTables()).not.toContain(name);
      expect(await registeredContents()).not.toContain(name);
    });
  });

  it('keep no delete marks that no merge needs', async () => {
    await withBackend(async (backend) => {
      const ref = await freshTable(backend);
      const { generation } = await backend.openTable(ref);
      const rows = async (): Promise<number | null> =>
        (await admin.query(`SELECT 1 FROM magnetodb_data.c_${generation.replaceAll('-', '')}`)).rowCount;
      await backend.beginMerge(ref, 'job');
      await backend.deleteItem(ref, plainItem('a', 1), {});
      await backend.sweep();
      expect(await rows()).toBe(1);
      await backend.endMerge(ref, 'job');
      await backend.sweep();
      expect(await rows()).toBe(0);
    });
  });
});

it('a closed backend says so', async () => {
  const backend = await createPostgresTableBackend({ connectionString: database.url });
  await backend.close();
  await backend.close();
  const error: unknown = await backend.ping().catch((each: unknown) => each);
  expect(isDomainError(error, 'ServiceUnavailable')).toBe(true);
});
