import fc from 'fast-check';
import { MapArchiveStore } from '../../test/fakes/map-archive-store';
import {
  NATIVE_FACTS,
  SampleItem,
  rowOf,
  sampleItems,
  sampleSchema,
  writeSampleArchive,
} from '../../test/fakes/sample-archive';
import { editManifest, entriesOf, forgeChunkBytes, manifestOf } from '../../test/fakes/tampering';
import { canonicalItem, parseItem } from '../kernel';
import {
  COMPRESSIONS,
  ChunkEntry,
  Compression,
  archiveObjectNames,
  deleteArchive,
  readChunk,
  readChunkEntries,
  readManifest,
  readNativeChunk,
  verifyArchive,
} from './index';

async function sample(compression: Compression = 'none', items?: readonly SampleItem[]): Promise<MapArchiveStore> {
  const store = new MapArchiveStore();
  await writeSampleArchive(store, {
    compression,
    ...(items && { items }),
    draft: { data_format: 'native', native: NATIVE_FACTS },
  });
  return store;
}

function firstEntry(store: MapArchiveStore): ChunkEntry {
  const [entry] = entriesOf(store);
  if (entry === undefined) throw new Error('no chunk');
  return entry;
}

/** Replaces the first chunk by these bytes, as one of one item without expiry; every digest of objects is right. */
function forgeRows(store: MapArchiveStore, bytes: Buffer): ChunkEntry {
  forgeChunkBytes(store, bytes, bytes.length, '.pgcopy');
  return { ...firstEntry(store), items: 1, expiring: 0 };
}

const damaged = (what: string) =>
  expect.objectContaining({ code: 'ArchiveDamaged', message: expect.stringContaining(what) });

/** A row of fields, each with its length before it; null: NULL. */
function row(...fields: (Buffer | null)[]): Buffer {
  const parts: Buffer[] = [Buffer.alloc(2)];
  parts[0]?.writeInt16BE(fields.length);
  for (const field of fields) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(field?.length ?? -1);
    parts.push(length, field ?? Buffer.alloc(0));
  }
  return Buffer.concat(parts);
}

const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const END = Buffer.from([0xff, 0xff]);
const KEY = Buffer.from('k');
const ITEM = Buffer.from('{"city":{"S":"k"},"rank":{"N":"1"}}');
const SOON = Buffer.from([0, 0, 0, 0, 0, 0, 0, 9]);

describe('a native archive', () => {
  it.each(COMPRESSIONS)('is read item by item as a portable one is (%s)', async (compression) => {
    const store = await sample(compression);
    const manifest = await verifyArchive(store);
    expect(manifest).toMatchObject({ data_format: 'native', native: NATIVE_FACTS, item_count: 50 });
    const found: [string, number | undefined][] = [];
    for await (const entry of readChunkEntries(store, manifest)) {
      for await (const batch of readChunk(store, entry, manifest.schema))
        found.push(
          ...batch.map(({ canonical, expiresAt }): [string, number | undefined] => [canonical.toString(), expiresAt]),
        );
    }
    const expected = sampleItems().map(({ item, expiresAt }) => [canonicalItem(parseItem(item)).toString(), expiresAt]);
    expect(found).toEqual(expected);
  });

  it('says what a reader must know, so that readers of before refuse it', async () => {
    expect(manifestOf(await sample('zstd'))['requires']).toEqual(['zstd', 'native-postgresql-1']);
    const store = await sample();
    editManifest(store, (manifest) => (manifest['requires'] = []));
    await expect(readManifest(store)).rejects.toEqual(damaged('lacks the native format'));
  });

  it('is refused if its layout is unknown', async () => {
    const store = await sample();
    editManifest(store, (manifest) => (manifest['native'] = { ...NATIVE_FACTS, format: 'postgresql-2' }));
    await expect(readManifest(store)).rejects.toEqual(damaged('format'));
  });

  it('has chunks of the format that its manifest says', async () => {
    const store = await sample();
    editManifest(store, (manifest) => (manifest['data_format'] = 'db-agnostic'));
    await expect(verifyArchive(store)).rejects.toEqual(damaged('not of the format'));
  });

  it('is named and deleted whole', async () => {
    const store = await sample('zstd');
    const named: string[] = [];
    for await (const name of archiveObjectNames(store)) named.push(name);
    expect(named.sort()).toEqual([...store.objects.keys()].sort());
    expect(named.filter((name) => name.endsWith('.pgcopy.zst'))).toHaveLength(5);
    await deleteArchive(store);
    expect([...store.objects.keys()]).toEqual([]);
  });

  it('is proved by its file digests: one flipped bit, one missing chunk', async () => {
    const store = await sample();
    const entry = firstEntry(store);
    const body = store.objects.get(entry.name) ?? Buffer.alloc(0);
    const flipped = Buffer.from(body);
    flipped[body.length >> 1] = (flipped[body.length >> 1] ?? 0) ^ 1;
    store.objects.set(entry.name, flipped);
    await expect(readNativeChunk(store, entry, sampleSchema)).rejects.toEqual(damaged('SHA-256'));
    store.objects.delete(entry.name);
    await expect(readNativeChunk(store, entry, sampleSchema)).rejects.toEqual(damaged('missing'));
  });

  it('gives a chunk as the file that COPY takes', async () => {
    const items = sampleItems().slice(0, 3);
    const store = await sample('zstd', items);
    const bytes = await readNativeChunk(store, firstEntry(store), sampleSchema);
    expect(bytes).toEqual(Buffer.concat([HEADER, ...items.map(rowOf), END]));
  });

  it.each<[string, Buffer, string]>([
    ['is no binary copy', Buffer.from('hello, this is no binary copy at all'), 'does not begin'],
    [
      'has flags in its header',
      Buffer.concat([
        HEADER.subarray(0, 11),
        Buffer.from([0, 1, 0, 0]),
        HEADER.subarray(15),
        row(KEY, KEY, ITEM, null, null),
        END,
      ]),
      'does not begin',
    ],
    ['has no end', Buffer.concat([HEADER, row(KEY, KEY, ITEM, null, null)]), 'has no end'],
    [
      'has something behind its end',
      Buffer.concat([HEADER, row(KEY, KEY, ITEM, null, null), END, KEY]),
      'behind its end',
    ],
    ['is cut off', Buffer.concat([HEADER, row(KEY, KEY, ITEM, null, null).subarray(0, -3)]), 'cut off'],
    ['has a column too few', Buffer.concat([HEADER, row(KEY, KEY, ITEM, null), END]), '4 columns instead of 5'],
    [
      'has a column too many',
      Buffer.concat([HEADER, row(KEY, KEY, ITEM, null, null, null), END]),
      '6 columns instead of 5',
    ],
    ['has a row without a key', Buffer.concat([HEADER, row(null, KEY, ITEM, null, null), END]), 'no hash key'],
    ['has a row without a range key', Buffer.concat([HEADER, row(KEY, null, ITEM, null, null), END]), 'no range key'],
    ['has a delete mark', Buffer.concat([HEADER, row(KEY, KEY, null, null, null), END]), 'no item'],
    [
      'has a key that no index can hold',
      Buffer.concat([HEADER, row(Buffer.alloc(2601), KEY, ITEM, null, null), END]),
      'impossible length',
    ],
    [
      'has an indexed attribute that no index can hold',
      Buffer.concat([HEADER, row(KEY, KEY, ITEM, null, Buffer.alloc(2599)), END]),
      'impossible length',
    ],
    [
      'has an item beyond all limits',
      Buffer.concat([HEADER, row(KEY, KEY, Buffer.alloc(4 * 1024 * 1024 + 1), null, null), END]),
      'impossible length',
    ],
    [
      'has a field of negative length',
      Buffer.concat([HEADER, Buffer.from([0, 5, 0xff, 0xff, 0xff, 0xfe]), END]),
      'impossible length',
    ],
    ['has a short expiry', Buffer.concat([HEADER, row(KEY, KEY, ITEM, Buffer.alloc(4), null), END]), 'invalid expiry'],
    [
      'has an expiry before the epoch',
      Buffer.concat([HEADER, row(KEY, KEY, ITEM, Buffer.alloc(8, 0xff), null), END]),
      'invalid expiry',
    ],
    [
      'has more rows than the list says',
      Buffer.concat([HEADER, row(KEY, KEY, ITEM, null, null), row(KEY, KEY, ITEM, null, null), END]),
      'number of items',
    ],
    [
      'has more expiring rows than the list says',
      Buffer.concat([HEADER, row(KEY, KEY, ITEM, SOON, null), END]),
      'number of expiring',
    ],
  ])('refuses a forged chunk that %s, in either reader', async (_what, bytes, complaint) => {
    const store = await sample();
    const entry = forgeRows(store, bytes);
    await expect(readNativeChunk(store, entry, sampleSchema)).rejects.toEqual(damaged(complaint));
    await expect(async () => {
      for await (const _batch of readChunk(store, entry, sampleSchema)) continue;
    }).rejects.toEqual(damaged(complaint));
  });

  it('is refused as damage, and nothing worse, whatever is done to its bytes', async () => {
    const items = sampleItems().slice(0, 5);
    const whole = Buffer.concat([HEADER, ...items.map(rowOf), END]);
    const change = fc.record({
      at: fc.nat(whole.length - 1),
      bytes: fc.uint8Array({ maxLength: 6 }),
      removed: fc.nat(12),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        let bytes = whole;
        for (const { at, bytes: put, removed } of changes)
          bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);
        const store = await sample();
        const entry = {
          ...forgeRows(store, bytes),
          items: items.length,
          expiring: items.filter((each) => each.expiresAt).length,
        };
        const read = async (): Promise<void> => {
          for await (const _batch of readChunk(store, entry, sampleSchema)) continue;
        };
        for (const outcome of await Promise.allSettled([readNativeChunk(store, entry, sampleSchema), read()]))
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ArchiveDamaged' });
      }),
      { numRuns: 150 },
    );
  });

  it('names the row whose item is no item', async () => {
    const store = await sample();
    const bytes = Buffer.concat([HEADER, row(KEY, KEY, Buffer.from('{"city":{"S":"k"}}'), null, null), END]);
    const entry = forgeRows(store, bytes);
    await expect(async () => {
      for await (const _batch of readChunk(store, entry, sampleSchema)) continue;
    }).rejects.toEqual(damaged('row 1: A line does not fit'));
  });
});
