import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TableBackend } from '../../src/index';
import { TableDigest } from '../../src/kernel';
import { MapArchiveStore } from '../fakes/map-archive-store';
import { Loose, editManifest, entriesOf, forgeChunkBytes, forgeList } from '../fakes/tampering';
import { until } from '../setup/until';
import { jsonLines, runCli } from './cli-io';
import {
  DIALECTS,
  Json,
  ManagementClient,
  ManagementServer,
  THREADS,
  expectStatus,
  invalid,
  makeTable,
  refused,
  startManagement,
  thread,
} from './management-server';

const NATIVE = { strategy: { format: 'native', compression: 'none' } };
const JOBS = { rangeBytes: 30_000, chunkBytes: 8_000, leaseSeconds: 2 };
const ITEMS = 1000;

let names = 0;
const fresh = (): string => `restored_${(names += 1)}`;

async function digestNow(backend: TableBackend, name: string): Promise<TableDigest> {
  const handle = await backend.openTable({ projectId: 'demo', name });
  const digest = new TableDigest();
  const whole = { start: null, end: null, estimatedItems: 0 };
  for await (const block of backend.readRange(handle, whole, { digestOnly: true })) digest.merge(block.digest);
  return digest;
}

function locationOf(body: Json): string {
  const links = body['links'] as { rel: string; href: string }[];
  return links.find(({ rel }) => rel === 'location')?.href ?? '';
}

async function ended(client: ManagementClient, target: string, body: Json): Promise<Json> {
  const asked = await expectStatus(client.createRestore(target, body), 202);
  return client.finished(() => client.restore(target, asked[client.keys.restoreId]), 'RESTORING');
}

/** Is there anything of a restore that did not come to its end? */
async function expectNoBuild(backend: TableBackend, target: string): Promise<void> {
  await expect(backend.describeTable({ projectId: 'demo', name: target })).rejects.toMatchObject({
    code: 'TableNotExistsException',
  });
}

describe('a restore of a native backup', () => {
  let server: ManagementServer;
  let client: ManagementClient;
  let table: string;
  let id: string;
  let folder: string;
  let digest: TableDigest;
  let backup: Json;

  beforeAll(async () => {
    server = await startManagement({ jobs: JOBS });
    client = server.client();
    table = await makeTable(server.backend, ITEMS);
    digest = await digestNow(server.backend, table);
    backup = await client.madeBackup(table, 'native', NATIVE);
    id = String(backup['id']);
    folder = fileURLToPath(locationOf(backup));
  });
  afterAll(() => server.stop());

  const expectSame = async (target: string): Promise<void> =>
    expect((await digestNow(server.backend, target)).toJSON()).toEqual(digest.toJSON());

  /** A copy of the archive in the folder that users may name, changed by somebody who can make every digest right again; its URL. */
  async function placed(arm: (store: MapArchiveStore) => unknown = () => undefined): Promise<string> {
    const store = new MapArchiveStore();
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) store.objects.set(path.slice(folder.length + 1), await readFile(path));
    }
    await arm(store);
    const place = `${fileURLToPath(server.outsideUrl)}/${fresh()}`;
    await cp(folder, place, { recursive: true });
    for (const [name, body] of store.objects) await writeFile(join(place, name), body);
    return pathToFileURL(place).href;
  }

  const admin = (): ManagementClient => server.client('spec', 'admin-token');

  it.each(DIALECTS)('says which lane it takes and why, before and afterwards (%s)', async (dialect) => {
    const asking = server.client(dialect);
    const body = { [asking.keys.from]: id };
    const target = fresh();
    const { plan } = (await expectStatus(asking.createRestore(target, { ...body, dry_run: true }), 200)) as {
      plan: Json;
    };
    expect(plan).toMatchObject({
      format: 'native',
      format_reason: expect.stringMatching(/of its kind/),
      conflict: null,
    });
    await expectNoBuild(server.backend, target);
    expect(await ended(asking, target, body)).toMatchObject({
      status: 'RESTORED',
      format: 'native',
      format_reason: plan['format_reason'],
    });
    await expectSame(target);
    const described = await server.backend.describeTable({ projectId: 'demo', name: target });
    expect(described.schema.indexes).toEqual(THREADS.indexes);
  });

  it('fills an empty table, which keeps its id', async () => {
    const target = await makeTable(server.backend, 0);
    const before = await server.backend.describeTable({ projectId: 'demo', name: target });
    expect(await ended(client, target, { id, format: 'native' })).toMatchObject({
      status: 'RESTORED',
      format: 'native',
    });
    await expectSame(target);
    expect((await server.backend.describeTable({ projectId: 'demo', name: target })).id).toBe(before.id);
  });

  it('replaces a table with items; without a word it is a conflict', async () => {
    const target = await makeTable(server.backend, 3);
    await refused(client.createRestore(target, { id }), 409, 'ConflictError');
    expect(await ended(client, target, { id, on_existing: 'replace' })).toMatchObject({
      status: 'RESTORED',
      format: 'native',
    });
    await expectSame(target);
  });

  it('goes item by item when it merges', async () => {
    const target = await makeTable(server.backend, 0);
    await invalid(client.createRestore(target, { id, on_existing: 'merge', format: 'native' }), /merge/);
    const done = await ended(client, target, { id, on_existing: 'merge' });
    expect(done).toMatchObject({
      status: 'RESTORED',
      format: 'db-agnostic',
      format_reason: expect.stringMatching(/native, but a merge/),
    });
    await expectSame(target);
  });

  it('of a part goes item by item', async () => {
    const target = fresh();
    const part = { select: { hash_keys: [{ S: 'forum 3' }] } };
    const done = await ended(client, target, { id, ...part });
    expect(done).toMatchObject({
      status: 'RESTORED',
      format: 'db-agnostic',
      format_reason: expect.stringMatching(/a part/),
    });
    expect((await digestNow(server.backend, target)).itemCount).toBe(Math.ceil((ITEMS - 3) / 7));
  });

  it('reads items out of the rows if it is asked to', async () => {
    const target = fresh();
    const done = await ended(client, target, { id, format: 'db-agnostic' });
    expect(done).toMatchObject({ status: 'RESTORED', format: 'db-agnostic' });
    await expectSame(target);
  });

  it('knows tables that are written afterwards: later writes, merges and backups find what they expect', async () => {
    const target = fresh();
    await ended(client, target, { id });
    const key = new Map([...thread(5)].filter(([name]) => name !== 'replies'));
    await server.backend.deleteItem({ projectId: 'demo', name: target }, key, {});
    expect((await digestNow(server.backend, target)).itemCount).toBe(ITEMS - 1);
    expect(await ended(client, target, { id, on_existing: 'merge' })).toMatchObject({ status: 'RESTORED' });
    await expectSame(target);
    const again = await client.madeBackup(target, 'again', NATIVE);
    expect(again).toMatchObject({ status: 'CREATED', item_count: ITEMS });
  });

  describe('from outside the deployment’s own store', () => {
    it('is item by item for members, and says so; asked for natively it is refused', async () => {
      const source = await placed();
      const target = fresh();
      await refused(
        client.createRestore(target, { source, format: 'native' }),
        403,
        'Forbidden',
        /restore:native:external/,
      );
      await expectNoBuild(server.backend, target);
      const done = await ended(client, target, { source });
      expect(done).toMatchObject({
        status: 'RESTORED',
        format: 'db-agnostic',
        format_reason: expect.stringMatching(/outside/),
      });
      await expectSame(target);
    });

    it('is native for admins', async () => {
      const source = await placed();
      const target = fresh();
      expect(await ended(admin(), target, { source })).toMatchObject({ status: 'RESTORED', format: 'native' });
      await expectSame(target);
    });

    it('also if it was imported', async () => {
      const source = await placed((store) =>
        editManifest(store, (all) => (all['backup_id'] = '018f0000-0000-7000-8000-0000000000aa')),
      );
      const imported = await expectStatus(client.import({ source }), 200);
      expect(imported).toMatchObject({ strategy: { format: 'native' }, item_count: ITEMS });
      const target = fresh();
      const body = { id: imported['id'], dry_run: true };
      expect(await expectStatus(client.createRestore(target, body), 200)).toMatchObject({
        plan: { format: 'db-agnostic' },
      });
      expect(await expectStatus(admin().createRestore(target, body), 200)).toMatchObject({
        plan: { format: 'native' },
      });
    });

    it.each<[string, (store: MapArchiveStore) => unknown, string]>([
      ['a flipped bit', flipChunk, 'ArchiveDamaged'],
      [
        'an empty chunk',
        (store) => store.objects.set(entriesOf(store)[1]?.name ?? '', Buffer.alloc(0)),
        'ArchiveDamaged',
      ],
      ['rows cut off', (store) => forgeRows(store, (rows) => rows.subarray(0, -9)), 'ArchiveDamaged'],
      [
        'no rows at all',
        (store) => forgeRows(store, () => Buffer.from('DROP TABLE magnetodb.table_info')),
        'ArchiveDamaged',
      ],
      ['a number of columns that is not the table’s', (store) => forgeRows(store, widened), 'ArchiveDamaged'],
      ['items without rows', withoutRows, 'ArchiveDamaged'],
      ['a key that is there twice', doubledKey, 'KeyCollision'],
      ['a chunk that is listed twice', listedTwice, 'VerificationFailed'],
    ])('with %s fails for an admin too, and leaves nothing', async (_what, arm, type) => {
      const source = await placed(arm);
      const target = fresh();
      const done = await ended(admin(), target, { source });
      expect(done).toMatchObject({ status: 'RESTORE_FAILED', format: 'native', error: { type } });
      await expectNoBuild(server.backend, target);
      expect(JSON.stringify(done['error'])).not.toContain(fileURLToPath(server.outsideUrl));
    });

    it.each<[string, (store: MapArchiveStore) => unknown]>([
      [
        'of a layout that nobody knows',
        (store) => editManifest(store, (all) => ((all['native'] as Loose)['format'] = 'postgresql-9')),
      ],
      ['without a layout', (store) => editManifest(store, (all) => delete all['native'])],
      ['that says nothing of it in `requires`', (store) => editManifest(store, (all) => (all['requires'] = []))],
    ])('%s is refused by every call', async (_what, arm) => {
      const source = await placed(arm);
      await invalid(admin().createRestore(fresh(), { source }));
      await invalid(admin().createRestore(fresh(), { source, dry_run: true }));
      await invalid(admin().import({ source }));
    });
  });

  it('whose backup was verified by a job knows that it is whole', async () => {
    await expectStatus(client.send('POST', `${client.table(table)}/backups/${id}/verify`), 202);
    const verification = async (): Promise<Json> =>
      (await expectStatus(client.backup(table, id), 200))['verification'] as Json;
    await until(async () => (await verification())['status'] !== 'RUNNING', 20_000);
    expect(await verification()).toMatchObject({ status: 'PASSED' });
  });

  it('of an empty table makes an empty table', async () => {
    const empty = await makeTable(server.backend, 0);
    const made = await client.madeBackup(empty, 'empty', NATIVE);
    const target = fresh();
    expect(await ended(client, target, { id: made['id'] })).toMatchObject({ status: 'RESTORED', format: 'native' });
    expect((await digestNow(server.backend, target)).itemCount).toBe(0);
    await server.backend.putItems({ projectId: 'demo', name: target }, [{ item: thread(1), expiresAt: undefined }]);
    expect((await digestNow(server.backend, target)).itemCount).toBe(1);
  });

  it('whose archive is damaged in the deployment’s own store fails, and leaves nothing', async () => {
    const made = await client.madeBackup(table, 'to be damaged', NATIVE);
    const own = fileURLToPath(locationOf(made));
    const [chunk = ''] = await readdir(join(own, 'chunks'));
    const bytes = await readFile(join(own, 'chunks', chunk));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 4;
    await writeFile(join(own, 'chunks', chunk), bytes);
    const target = fresh();
    const done = await ended(client, target, { id: made['id'] });
    expect(done).toMatchObject({
      status: 'RESTORE_FAILED',
      error: { type: 'ArchiveDamaged', message: expect.stringContaining(chunk) },
    });
    await expectNoBuild(server.backend, target);
    await rm(join(own, 'chunks', chunk));
    expect(await ended(client, target, { id: made['id'] })).toMatchObject({
      status: 'RESTORE_FAILED',
      error: { type: 'ArchiveDamaged' },
    });
    await expectNoBuild(server.backend, target);
  });

  it('is read by the command line without a server, item by item', async () => {
    const inspected = await runCli(['inspect', folder, '--json']);
    expect(jsonLines(inspected.out)).toEqual([expect.objectContaining({ data_format: 'native', item_count: ITEMS })]);
    const verified = await runCli(['verify', folder, '--json']);
    expect({ code: verified.code, out: jsonLines(verified.out) }).toEqual({
      code: 0,
      out: [expect.objectContaining({ verified: true })],
    });
    const found = await runCli(['cat', folder, '--hash-key', 'forum 3', '--range-key', 'subject 10']);
    expect(jsonLines(found.out)).toEqual([
      { Item: { forum: { S: 'forum 3' }, replies: { N: '10' }, subject: { S: 'subject 10' } } },
    ]);
    const all = await runCli(['cat', folder]);
    expect(jsonLines(all.out)).toHaveLength(ITEMS);
    const csv = await runCli(['export', folder, '--to', 'csv']);
    expect(csv.out.trimEnd().split('\n')).toHaveLength(ITEMS + 1);
  });
});

/** Changes the first chunk's file; every digest of objects is right afterwards. */
function forgeRows(store: MapArchiveStore, change: (rows: Buffer) => Buffer): void {
  const [first] = entriesOf(store);
  const bytes = change(Buffer.from(store.objects.get(first?.name ?? '') ?? []));
  forgeChunkBytes(store, bytes, bytes.length, '.pgcopy');
}

function flipChunk(store: MapArchiveStore): void {
  const [first] = entriesOf(store);
  const bytes = Buffer.from(store.objects.get(first?.name ?? '') ?? []);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  store.objects.set(first?.name ?? '', bytes);
}

const HEADER_BYTES = 19;

/** The first row says that it has a column more. */
function widened(rows: Buffer): Buffer {
  rows.writeInt16BE(6, HEADER_BYTES);
  return rows;
}

/** The second row gets the first one's key columns, and what it says of its own key stays: only the index can tell. */
function doubledKey(store: MapArchiveStore): void {
  forgeRows(store, (rows) => {
    const first = rowAt(rows, HEADER_BYTES);
    const second = rowAt(rows, first.end);
    const copied = Buffer.concat([rows.subarray(first.start, first.itemAt), rows.subarray(second.itemAt, second.end)]);
    return Buffer.concat([rows.subarray(0, first.end), copied, rows.subarray(second.end)]);
  });
}

function rowAt(rows: Buffer, start: number): { start: number; itemAt: number; end: number } {
  let at = start + 2;
  let itemAt = at;
  for (let column = 0; column < rows.readInt16BE(start); column++) {
    if (column === 2) itemAt = at;
    at += 4 + Math.max(0, rows.readInt32BE(at));
  }
  return { start, itemAt, end: at };
}

/** Lists and manifest agree that there is an item more than there are rows. */
function withoutRows(store: MapArchiveStore): void {
  const [first, ...others] = entriesOf(store);
  if (first === undefined) throw new Error('no chunk');
  const more = { ...first, items: first.items + 1 };
  forgeList(
    store,
    [more, ...others].map((entry) => JSON.stringify(entry)),
    (manifest) => {
      manifest['item_count'] = Number(manifest['item_count']) + 1;
      const range = (manifest['ranges'] as { items: number }[])[first.range];
      if (range) range.items++;
      const buckets = manifest['buckets'] as string[];
      const [count = '0', sum = ''] = (buckets[0] ?? '').split(':');
      buckets[0] = `${Number(count) + 1}:${sum}`;
    },
  );
}

/** Lists and manifest agree that the first chunk is there once more. */
function listedTwice(store: MapArchiveStore): void {
  const all = entriesOf(store);
  const first = all[0];
  if (first === undefined) throw new Error('no chunk');
  const plus = (sum: string): string =>
    ((BigInt(`0x${sum}`) + BigInt(`0x${first.digest}`)) % 2n ** 128n).toString(16).padStart(32, '0');
  forgeList(
    store,
    [first, ...all].map((entry) => JSON.stringify(entry)),
    (manifest) => {
      const range = (manifest['ranges'] as { items: number; digest: string; chunks: number }[])[first.range];
      if (range === undefined) throw new Error('no range');
      range.items += first.items;
      range.digest = plus(range.digest);
      range.chunks++;
      const buckets = manifest['buckets'] as string[];
      const [count = '0', sum = ''] = (buckets[0] ?? '').split(':');
      buckets[0] = `${Number(count) + first.items}:${plus(sum)}`;
      for (const [key, value] of [
        ['item_count', first.items],
        ['table_size_bytes', first.raw_bytes],
        ['size_bytes', first.stored_bytes],
      ] as const)
        manifest[key] = Number(manifest[key]) + value;
    },
  );
}

/** Tables of another kind: a backend that is all that it was, but for its own format. */
function withFormat(format: string | undefined): (backend: TableBackend) => TableBackend {
  return (backend) =>
    new Proxy(backend, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (key === 'native')
          return format === undefined
            ? undefined
            : new Proxy(target.native ?? {}, {
                get: (native, name) => (name === 'format' ? format : Reflect.get(native, name)),
              });
        return typeof value === 'function'
          ? (...args: unknown[]): unknown => Reflect.apply(value, target, args)
          : value;
      },
    });
}

describe.each<[string, string | undefined]>([
  ['without a format of their own', undefined],
  ['of another layout', 'cassandra-1'],
])('tables %s', (_what, format) => {
  let origin: ManagementServer;
  let server: ManagementServer;
  let source: string;

  beforeAll(async () => {
    origin = await startManagement({ jobs: JOBS });
    const made = await origin.client().madeBackup(await makeTable(origin.backend, 20), 'native', {
      strategy: { format: 'native', location: { type: 'external', url: origin.outsideUrl } },
    });
    server = await startManagement({ jobs: JOBS, wrapBackend: withFormat(format) });
    source = `${server.outsideUrl}/copy`;
    await cp(fileURLToPath(locationOf(made)), fileURLToPath(source), { recursive: true });
  });
  afterAll(async () => {
    await origin.stop();
    await server.stop();
  });

  it('take no native backup, before anything is touched', async () => {
    const admin = server.client('spec', 'admin-token');
    for (const body of [{ source }, { source, format: 'native' }, { source, dry_run: true }]) {
      const target = fresh();
      await invalid(admin.createRestore(target, body), /same kind only/);
      await expectNoBuild(server.backend, target);
    }
    expect(await expectStatus(admin.get(`${admin.projectPath}/restores`), 200)).toEqual({ restore_jobs: [] });
  });

  it('take its items, if that is asked for by name', async () => {
    const client = server.client();
    const target = fresh();
    expect(await ended(client, target, { source, format: 'db-agnostic' })).toMatchObject({
      status: 'RESTORED',
      format: 'db-agnostic',
    });
    expect((await digestNow(server.backend, target)).itemCount).toBe(20);
  });
});

describe('tables without a format of their own', () => {
  it.each(DIALECTS)('are not backed up natively (%s)', async (dialect) => {
    const server = await startManagement({ apiOnly: true, wrapBackend: withFormat(undefined) });
    try {
      const client = server.client(dialect);
      await invalid(
        client.createBackup(await makeTable(server.backend), 'native', NATIVE),
        /strategy.format: native backups are not available/,
      );
    } finally {
      await server.stop();
    }
  });
});
