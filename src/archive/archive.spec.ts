import fc from 'fast-check';
import { MapArchiveStore } from '../../test/fakes/map-archive-store';
import { sampleItems, sampleSchema, writeSampleArchive } from '../../test/fakes/sample-archive';
import { editManifest, entriesOf, forgeChunkLines, forgeList, manifestOf } from '../../test/fakes/tampering';
import { DecodedItem, canonicalItem, parseItem, sameStructure } from '../kernel';
import {
  COMPRESSIONS,
  ChunkEntry,
  Compression,
  archiveObjectNames,
  chunkEntryFromJson,
  encodeChunk,
  readChunk,
  readChunkEntries,
  readManifest,
  verifyArchive,
  writeManifest,
} from './index';

async function sample(compression: Compression = 'zstd'): Promise<MapArchiveStore> {
  const store = new MapArchiveStore();
  await writeSampleArchive(store, { compression });
  return store;
}

async function readItems(store: MapArchiveStore): Promise<DecodedItem[]> {
  const manifest = await readManifest(store);
  const items: DecodedItem[] = [];
  for await (const entry of readChunkEntries(store, manifest)) {
    for await (const batch of readChunk(store, entry, manifest.schema)) items.push(...batch);
  }
  return items;
}

const damagedNaming = (name: string) =>
  expect.objectContaining({ code: 'ArchiveDamaged', message: expect.stringContaining(name) });
const unsupportedNaming = (name: string) =>
  expect.objectContaining({ code: 'ArchiveUnsupported', message: expect.stringContaining(name) });

function firstEntry(store: MapArchiveStore): ChunkEntry {
  const [entry] = entriesOf(store);
  if (entry === undefined) throw new Error('no chunk');
  return entry;
}

describe('an archive', () => {
  it.each(COMPRESSIONS)('gives back every item, its expiry and the structure (%s)', async (compression) => {
    const store = await sample(compression);
    const items = await readItems(store);
    const expected = sampleItems().map(({ item, expiresAt }) => [canonicalItem(parseItem(item)).toString(), expiresAt]);
    expect(items.map(({ canonical, expiresAt }) => [canonical.toString(), expiresAt])).toEqual(expected);
    const manifest = await verifyArchive(store);
    expect(sameStructure(manifest.schema, sampleSchema)).toBe(true);
    expect(manifest).toMatchObject({
      item_count: 50,
      table_name: 'Cities.v1',
      compression,
      started_at: Date.UTC(2026, 0, 1),
    });
    expect(manifestOf(store)['requires']).toEqual(compression === 'none' ? [] : [compression]);
  });

  it('may be empty', async () => {
    const store = new MapArchiveStore();
    await writeSampleArchive(store, { compression: 'zstd', items: [] });
    expect((await verifyArchive(store)).item_count).toBe(0);
    expect([...store.objects.keys()].sort()).toEqual(['manifest.json', 'started.json']);
  });

  it('is written data first, manifest last, nothing twice', async () => {
    const { log } = await sample();
    expect(log[0]).toBe('put started.json');
    expect(log.at(-1)).toBe('put manifest.json');
    expect(log.at(-2)).toMatch(/^put lists\//);
    expect(new Set(log).size).toBe(log.length);
  });

  it('names each object by its stored bytes, and all of them in the manifest', async () => {
    const store = await sample();
    const names: string[] = [];
    for await (const name of archiveObjectNames(store)) names.push(name);
    expect(names.sort()).toEqual([...store.objects.keys()].sort());
  });

  it('spreads over lists of at most 4096 chunks', async () => {
    const store = await sample('none');
    const { name: _name, ...entry } = firstEntry(store);
    const many = async function* (): AsyncGenerator<ChunkEntry> {
      for (let index = 0; index < 4097; index++) {
        const sha256 = index.toString(16).padStart(64, '0');
        yield {
          ...entry,
          name: `chunks/${sha256}.jsonl`,
          sha256,
          items: 0,
          expiring: 0,
          raw_bytes: 0,
          stored_bytes: 0,
          digest: '0'.repeat(32),
          range: 0,
        };
      }
    };
    const empty = { items: 0, digest: '0'.repeat(32) };
    const draft = await writeSampleArchive(store, { compression: 'none', items: [] });
    await writeManifest(store, { ...draft, ranges: [{ ...empty, chunks: 4097 }] }, many());
    const manifest = await readManifest(store);
    expect(manifest.chunk_lists.map((list) => list.chunks)).toEqual([4096, 1]);
    let count = 0;
    for await (const _entry of readChunkEntries(store, manifest)) count++;
    expect(count).toBe(4097);
  });

  it('is no backup without its manifest', async () => {
    const store = await sample();
    store.objects.delete('manifest.json');
    await expect(readManifest(store)).rejects.toMatchObject({ code: 'BackupNotExists' });
  });

  it('hands items over in batches, and stops when told to', async () => {
    const store = new MapArchiveStore();
    const items = Array.from({ length: 2500 }, (_, index) => ({
      item: { city: { S: 'x' }, rank: { N: String(index) } },
    }));
    await writeSampleArchive(store, { compression: 'gzip', items, itemsPerChunk: 2500 });
    const sizes: number[] = [];
    for await (const batch of readChunk(store, firstEntry(store), sampleSchema)) sizes.push(batch.length);
    expect(sizes).toEqual([1000, 1000, 500]);
    const stop = new AbortController();
    const reading = readChunk(store, firstEntry(store), sampleSchema, stop.signal);
    await reading.next();
    stop.abort();
    await expect(reading.next()).rejects.toThrow('aborted');
  });
});

describe('proof', () => {
  it.each(COMPRESSIONS)('one flipped bit anywhere is noticed, and the object named (%s)', async (compression) => {
    const whole = await sample(compression);
    const objects = [...whole.objects.keys()].filter((name) => name !== 'started.json');
    const flip = fc.tuple(fc.constantFrom(...objects), fc.nat(), fc.nat({ max: 7 }));
    await fc.assert(
      fc.asyncProperty(flip, async ([name, position, bit]) => {
        const store = whole.copy();
        const body = Buffer.from(store.objects.get(name) ?? '');
        const at = position % body.length;
        body[at] = (body[at] ?? 0) ^ (1 << bit);
        store.objects.set(name, body);
        const error: unknown = await verifyArchive(store).catch((caught: unknown) => caught);
        // A flipped version number may also look like a newer version.
        if (name === 'manifest.json' && body.includes('"format_version"') && !body.includes('"format_version": 1,')) {
          expect(['ArchiveDamaged', 'ArchiveUnsupported']).toContain((error as { code: string }).code);
        } else expect(error).toEqual(damagedNaming(name));
      }),
      { numRuns: 400 },
    );
  });

  it('a manifest that was changed by hand, its own digest not, is refused', async () => {
    const store = await sample();
    const manifest = String(store.objects.get('manifest.json'));
    store.objects.set('manifest.json', Buffer.from(manifest.replace('Cities.v1', 'Cities.v2')));
    await expect(readManifest(store)).rejects.toEqual(damagedNaming('manifest.json'));
  });

  it('a missing chunk is noticed and named', async () => {
    const store = await sample();
    const { name } = firstEntry(store);
    store.objects.delete(name);
    await expect(verifyArchive(store)).rejects.toEqual(damagedNaming(name));
  });

  it('a missing list is noticed and named', async () => {
    const store = await sample();
    const name = [...store.objects.keys()].find((each) => each.startsWith('lists/')) ?? '';
    store.objects.delete(name);
    await expect(verifyArchive(store)).rejects.toEqual(damagedNaming(name));
  });

  it('a stored chunk that is longer or shorter is noticed', async () => {
    const { name } = firstEntry(await sample());
    for (const change of [(body: Buffer) => Buffer.concat([body, body]), (body: Buffer) => body.subarray(1)]) {
      const store = await sample();
      store.objects.set(name, change(store.objects.get(name) ?? Buffer.alloc(0)));
      await expect(verifyArchive(store)).rejects.toEqual(damagedNaming(name));
    }
  });

  it('the buckets are compared with the items, not only their sum', async () => {
    const store = await sample();
    editManifest(store, (manifest) => (manifest['buckets'] as string[]).reverse());
    await expect(readManifest(store)).resolves.toBeDefined();
    await expect(verifyArchive(store)).rejects.toEqual(damagedNaming('manifest.json'));
  });

  it.each<[string, (lines: string[]) => string]>([
    ['an item lost', (lines) => lines.slice(1).join('')],
    ['an item doubled', (lines) => [...lines, lines[0]].join('')],
    ['one doubled for another', (lines) => [...lines.slice(1), lines[1]].join('')],
    ['an item changed', (lines) => lines.join('').replace('own', 'owl')],
    ['an expiry added', (lines) => lines.join('').replace('}}}\n', '}},"Expires":5}\n')],
    ['an attribute of another type', (lines) => lines.join('').replace('{"B":"/+8AAQ=="}', '{"S":"/+8AAQ=="}')],
    ['the last line cut off', (lines) => lines.join('').slice(0, -1)],
    ['an empty line', (lines) => `\n${lines.join('')}`],
  ])('%s within a chunk is noticed, though every SHA-256 is right', async (_what, change) => {
    const store = await sample('none');
    const lines = String(store.objects.get(firstEntry(store).name)).split(/(?<=\n)/);
    const changed = change(lines);
    expect(changed).not.toBe(lines.join(''));
    await forgeChunkLines(store, Buffer.from(changed));
    await expect(verifyArchive(store)).rejects.toEqual(damagedNaming('chunks/'));
  });

  it.each<[string, (entry: Record<string, unknown>) => void]>([
    ['items', (entry) => (entry['items'] = Number(entry['items']) + 1)],
    ['expiring', (entry) => (entry['expiring'] = Number(entry['expiring']) - 1)],
    ['raw_bytes', (entry) => (entry['raw_bytes'] = Number(entry['raw_bytes']) + 1)],
    ['stored_bytes', (entry) => (entry['stored_bytes'] = Number(entry['stored_bytes']) + 1)],
    ['digest', (entry) => (entry['digest'] = '0'.repeat(32))],
    ['range', (entry) => (entry['range'] = 1)],
    ['range of nobody', (entry) => (entry['range'] = 2)],
    ['name', (entry) => (entry['name'] = `chunks/${'0'.repeat(64)}.jsonl.zst`)],
    ['path', (entry) => (entry['name'] = `chunks/../${String(entry['sha256'])}.jsonl.zst`)],
    ['compression', (entry) => (entry['name'] = `chunks/${String(entry['sha256'])}.jsonl`)],
  ])('a list that says something else of a chunk is noticed: %s', async (_what, change) => {
    const store = await sample();
    const entries = entriesOf(store).map((entry) => ({ ...entry }) as Record<string, unknown>);
    if (entries[0]) change(entries[0]);
    forgeList(store, entries.map((entry) => JSON.stringify(entry))); // prettier-ignore
    await expect(verifyArchive(store)).rejects.toEqual(damagedNaming(''));
  });

  it('a chunk left out of a list is noticed', async () => {
    const store = await sample();
    const lines = entriesOf(store).map((entry) => JSON.stringify(entry));
    forgeList(store, lines.slice(1));
    await expect(verifyArchive(store)).rejects.toEqual(damagedNaming('manifest.json'));
  });
});

describe('versions', () => {
  it('a newer version is refused, naming it', async () => {
    const store = await sample();
    editManifest(store, (manifest) => (manifest['format_version'] = 2));
    await expect(readManifest(store)).rejects.toEqual(unsupportedNaming('2'));
  });

  it('an unknown requirement is refused, naming it', async () => {
    const store = await sample();
    editManifest(store, (manifest) => (manifest['requires'] = ['zstd', 'encryption']));
    await expect(readManifest(store)).rejects.toEqual(unsupportedNaming('encryption'));
  });

  it('unknown keys mean nothing', async () => {
    const store = await sample();
    forgeList(
      store,
      entriesOf(store).map((entry) => JSON.stringify({ ...entry, later: { much: 'later' } })),
      (manifest) => (manifest['later'] = [1, 2, 3]),
    );
    expect((await verifyArchive(store)).item_count).toBe(50);
  });

  it.each<[string, unknown]>([
    ['format', 'other'],
    ['format_version', 0],
    ['format_version', '1'],
    ['requires', []],
    ['requires', ['zstd', 5]],
    ['requires', 'zstd'],
    ['hashes', { object: 'md5', item: 'xxh3-128', bucket: 'xxh3-128-top8' }],
    ['backup_id', '018f000000007000800000000000001'],
    ['backup_name', null],
    ['table_name', '../etc'],
    ['table_name', 'x"; DROP TABLE y; --'],
    ['table', {}],
    [
      'table',
      {
        attribute_definitions: [{ attribute_name: 'a b', attribute_type: 'S' }],
        key_schema: [{ attribute_name: 'a b', key_type: 'HASH' }],
      },
    ],
    ['type', 'incremental'],
    ['data_format', 'native'],
    ['base_backup_id', '018f0000-0000-7000-8000-000000000001'],
    ['compression', 'lzma'],
    ['started_at', '2026-01-01'],
    ['finished_at', 5],
    ['item_count', 49],
    ['item_count', -1],
    ['item_count', 1e300],
    ['expiring_count', 51],
    ['expiring_count', 0],
    ['table_size_bytes', 1],
    ['size_bytes', 1],
    ['buckets', []],
    ['ranges', []],
    ['ranges', { length: 2 }],
    ['chunk_lists', []],
    ['chunk_lists', [{ name: 'manifest.json', sha256: '0'.repeat(64), size: 1, chunks: 1 }]],
    ['strategy', []],
    ['writer', 1],
  ])('a manifest whose %s is %j is refused', async (key, value) => {
    const store = await sample();
    editManifest(store, (manifest) => (manifest[key] = value));
    await expect(verifyArchive(store)).rejects.toEqual(damagedNaming('manifest.json'));
  });

  it('a small list that is named often is refused, though all adds up', async () => {
    const store = await sample();
    editManifest(store, (manifest) => {
      const [list] = manifest['chunk_lists'] as { chunks: number }[];
      const [first, ...others] = manifest['ranges'] as { chunks: number }[];
      manifest['chunk_lists'] = [list, list, list];
      manifest['ranges'] = [{ ...first, chunks: (first?.chunks ?? 0) + 2 * (list?.chunks ?? 0) }, ...others];
    });
    await expect(readManifest(store)).rejects.toThrow('names a list twice');
  });

  it('more chunks than a restore can plan are refused', async () => {
    const store = await sample();
    editManifest(store, (manifest) => {
      const names = Array.from({ length: 65 }, (_, index) => String(index).padStart(64, '0'));
      manifest['chunk_lists'] = names.map((sha256) => ({ name: `lists/${sha256}.jsonl`, sha256, size: 1, chunks: 4096 }));
      const [first, ...others] = manifest['ranges'] as { chunks: number }[];
      manifest['ranges'] = [{ ...first, chunks: 65 * 4096 - others.reduce((sum, each) => sum + each.chunks, 0) }, ...others];
    });
    await expect(readManifest(store)).rejects.toThrow('too many chunks');
  });
});

describe('chunks', () => {
  it('are named by their stored bytes', async () => {
    const chunk = await encodeChunk([Buffer.from('a\n'), Buffer.from('b\n')], 'none');
    expect(chunk.body.toString()).toBe('a\nb\n');
    expect(chunk.name).toBe('chunks/911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2.jsonl');
  });

  it('hold 64 MiB of lines at most', async () => {
    const line = Buffer.alloc(32 * 1024 * 1024, 'x');
    await expect(encodeChunk([line, line, Buffer.from('\n')], 'none')).rejects.toMatchObject({ code: 'InternalError' });
  });

  it('are described by entries that are checked', () => {
    expect(() => chunkEntryFromJson(null)).toThrow(damagedNaming(''));
    expect(() => chunkEntryFromJson({ name: 'chunks/x' })).toThrow(damagedNaming(''));
  });
});
