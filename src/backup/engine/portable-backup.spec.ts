import { sampleSchema } from '../../../test/fakes/sample-archive';
import { encodeChunk, readManifest } from '../../archive';
import { LineBlockBuilder, TableDescription, TableDigest, canonicalItem, canonicalKey, digestHex, parseItem } from '../../kernel';
import { MemoryObjectStore, ObjectStore, bufferSource } from '../../storage';
import { KeyRange, TableBackend, TableHandle } from '../../tables';
import { BackupLedger, CommittedChunk } from './backup-ledger';
import { BackupContext, BackupTarget, ManifestFacts, abandonBackup, copyRange, planBackup, sealBackup } from './portable-backup';

const ID = '018f0000-0000-7000-8000-000000000001';
const TABLE = '018f0000-0000-7000-8000-000000000002';
const target: BackupTarget = { ref: { projectId: 'demo', name: 'Cities' }, tableId: TABLE, generation: 'first' };
const range: KeyRange = { start: null, end: null, estimatedItems: 1 };
const facts: ManifestFacts = {
  backup_id: ID,
  backup_name: 'nightly',
  project_id: 'demo',
  table_id: TABLE,
  table_name: 'Cities',
  schema: sampleSchema,
  backend: 'postgresql',
  type: 'full',
  data_format: 'db-agnostic',
  base_backup_id: null,
  compression: 'none',
  started_at: 0,
  finished_at: 1,
  strategy: {},
  writer: '0.1.0',
};
const signal = new AbortController().signal;

/** What happens, in order: `intend`, `put`, `delete`, `forget` and the name. */
let log: string[];
let ledger: BackupLedger & { readonly intended: Set<string>; readonly committed: CommittedChunk[] };
let store: ObjectStore;
let generation: string;
beforeEach(() => {
  log = [];
  generation = 'first';
  const intended = new Set<string>();
  const committed: CommittedChunk[] = [];
  ledger = {
    intended,
    committed,
    intend: async (name) => {
      log.push(`intend ${name}`);
      intended.add(name);
    },
    forget: async (name) => {
      log.push(`forget ${name}`);
      intended.delete(name);
    },
    names: async () => [...intended],
    async *chunks() {
      yield* committed;
    },
  };
  const inner = new MemoryObjectStore();
  store = Object.assign(Object.create(inner) as ObjectStore, {
    put: (name: string, source: Parameters<ObjectStore['put']>[1]) => {
      log.push(`put ${name}`);
      return inner.put(name, source);
    },
    // As late as a listing may be.
    async *list(): AsyncGenerator<string> {
      yield* [];
    },
    delete: (name: string) => {
      log.push(`delete ${name}`);
      return inner.delete(name);
    },
  });
});

function block() {
  const builder = new LineBlockBuilder();
  const item = parseItem({ city: { S: 'Köln' }, rank: { N: '1' } });
  builder.add(canonicalItem(item), canonicalKey(sampleSchema, item), undefined);
  return builder.take('behind it');
}

function context(): BackupContext {
  const handle = (): TableHandle => ({ tableId: TABLE, generation, schema: sampleSchema });
  const backend: Pick<TableBackend, 'openTable' | 'splitRanges' | 'readRange' | 'describeTable'> = {
    openTable: async () => handle(),
    splitRanges: async () => [range],
    describeTable: () => Promise.reject<TableDescription>(new Error('not asked')),
    async *readRange() {
      yield block();
    },
  };
  return { backend: backend as TableBackend, store, ledger, failPoint: () => undefined };
}

const copy = (): Promise<void> =>
  copyRange(context(), { handle: { tableId: TABLE, generation, schema: sampleSchema }, range, index: 0 }, { compression: 'none', chunkBytes: 1 }, {
    cursor: undefined,
    signal,
    throttle: () => Promise.resolve(),
    pace: { requestBytes: undefined, countsRequests: false, inTurn: (request) => request() },
    commitChunk: async (chunk) => {
      log.push(`commit ${chunk.entry.name}`);
      ledger.committed.push(chunk);
    },
  });

const plan = () => planBackup(context(), target, { backupId: ID, startedAt: 0 }, { targetBytes: 1, maxRanges: 1 });

const seal = () => sealBackup(context(), target, 1, facts, signal);

describe('a portable backup', () => {
  it('writes every name down before the first byte, data first, manifest last', async () => {
    await plan();
    await copy();
    await seal();
    const names = log.filter((line) => line.startsWith('put ')).map((line) => line.slice('put '.length));
    expect(names.map((name) => name.split('/')[0])).toEqual(['started.json', 'chunks', 'lists', 'manifest.json']);
    for (const name of names) expect(log.indexOf(`intend ${name}`)).toBe(log.indexOf(`put ${name}`) - 1);
    const chunk = names[1] ?? '';
    expect(log.indexOf(`commit ${chunk}`)).toBeGreaterThan(log.indexOf(`put ${chunk}`));
    expect(await readManifest(store)).toMatchObject({ item_count: 1, chunk_lists: [{ chunks: 1 }], buckets: ledger.committed[0]?.digest.toJSON() });
  });

  it('takes away what was stored and never committed, before there is a manifest', async () => {
    await plan();
    await copy();
    const stray = await encodeChunk([Buffer.from('stray\n')], 'none');
    ledger.intended.add(stray.name);
    await store.put(stray.name, bufferSource(stray.body));
    await seal();
    expect(await store.head(stray.name)).toBeUndefined();
    expect(ledger.intended.has(stray.name)).toBe(false);
    expect(log.indexOf(`delete ${stray.name}`)).toBeLessThan(log.indexOf('put manifest.json'));
    expect(await store.head(ledger.committed[0]?.entry.name ?? '')).toBeDefined();
  });

  it('keeps the manifest that is there when it is sealed again', async () => {
    await plan();
    await copy();
    const first = await seal();
    log.length = 0;
    expect(await seal()).toEqual(first);
    expect(log).toEqual([]);
  });

  it('whose folder was deleted under it is none, also where a store makes folders by itself', async () => {
    await plan();
    for (const name of ledger.intended) await store.delete(name);
    await copy();
    await expect(seal()).rejects.toMatchObject({ code: 'StorageError', transient: false, message: expect.stringContaining('deleted while it was being made') });
    expect(await store.head('manifest.json')).toBeUndefined();
  });

  it.each<[string, () => Promise<unknown>]>([
    ['planned', plan],
    ['sealed', seal],
  ])('is of one content: replaced by the time it is %s, the table has changed', async (_when, step) => {
    generation = 'second';
    await expect(step()).rejects.toMatchObject({ code: 'TableChanged' });
    expect(log).toEqual([]);
  });

  it('counts a chunk once for its range and once for the table', async () => {
    await plan();
    await copy();
    const manifest = await seal();
    const digest = new TableDigest();
    digest.merge(block().digest);
    expect(manifest.ranges).toEqual([{ items: 1, chunks: 1, digest: digestHex(digest.total().sum) }]);
  });

  it('given up, leaves nothing that it ever intended', async () => {
    await plan();
    await copy();
    const names = [...ledger.intended];
    expect(names).toHaveLength(2);
    await abandonBackup(context(), signal);
    for (const name of names) expect(await store.head(name)).toBeUndefined();
  });
});
