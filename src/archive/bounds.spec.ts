import { Readable } from 'node:stream';
import { MapArchiveStore } from '../../test/fakes/map-archive-store';
import { writeSampleArchive } from '../../test/fakes/sample-archive';
import { Loose, editManifest, entriesOf } from '../../test/fakes/tampering';
import { readObject } from './archive-store';
import { ChunkEntry, MAX_CHUNK_RAW_BYTES, MAX_CHUNK_STORED_BYTES, chunkEntryFromJson } from './chunk';
import { readManifest, verifyArchive } from './index';

const damaged = expect.objectContaining({ code: 'ArchiveDamaged' });

async function sample(): Promise<MapArchiveStore> {
  const store = new MapArchiveStore();
  await writeSampleArchive(store, { compression: 'zstd' });
  return store;
}

describe('what an archive says of itself is bounded and checked', () => {
  it('no more of an object is read than it may have', async () => {
    const piece = Buffer.alloc(1000);
    let pieces = 0;
    function* endless(): Generator<Buffer> {
      for (; pieces < 1_000; pieces++) yield piece;
    }
    class EndlessStore extends MapArchiveStore {
      override get = (): Promise<Readable> => Promise.resolve(Readable.from(endless(), { objectMode: false, highWaterMark: 1 }));
    }
    await expect(readObject(new EndlessStore(), 'manifest.json', 3_500)).rejects.toEqual(damaged);
    expect(pieces).toBeLessThan(20);
  });

  it.each<[string, Partial<ChunkEntry>]>([
    ['more bytes of lines than a chunk may hold', { raw_bytes: MAX_CHUNK_RAW_BYTES + 1 }],
    ['more bytes as stored', { stored_bytes: MAX_CHUNK_STORED_BYTES + 1 }],
    ['more expiring items than items', { items: 1, expiring: 2 }],
    ['another digest than its name', { sha256: '0'.repeat(64) }],
    ['a name that leads elsewhere', { name: `chunks/../${'0'.repeat(64)}.jsonl.zst` }],
  ])('an entry with %s is refused', async (_what, change) => {
    const [entry] = entriesOf(await sample());
    expect(chunkEntryFromJson({ ...entry })).toEqual(entry);
    expect(() => chunkEntryFromJson({ ...entry, ...change })).toThrow(damaged);
  });

  it.each<[string, (list: Loose) => void]>([
    ['leads elsewhere', (list) => (list['name'] = '../../lists')],
    ['is not its digest', (list) => (list['name'] = `lists/${'0'.repeat(64)}.jsonl`)],
  ])('a list whose name %s is refused', async (_what, edit) => {
    const store = await sample();
    editManifest(store, (manifest) => edit((manifest['chunk_lists'] as Loose[])[0] ?? {}));
    await expect(readManifest(store)).rejects.toEqual(damaged);
  });

  it.each(['expiring_count', 'table_size_bytes', 'size_bytes'])('%s is what the chunks add up to', async (key) => {
    const store = await sample();
    editManifest(store, (manifest) => (manifest[key] = Number(manifest[key]) + 1));
    await expect(verifyArchive(store)).rejects.toEqual(damaged);
  });
});
