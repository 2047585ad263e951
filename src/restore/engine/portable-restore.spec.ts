import { SampleItem, sampleItems, sampleSchema, writeSampleArchive } from '../../../test/fakes/sample-archive';
import { ArchiveManifest, ChunkEntry } from '../../archive';
import { DecodedItem, TableDigest } from '../../kernel';
import { MemoryObjectStore, bufferSource } from '../../storage';
import { BuildHandle, TableBackend } from '../../tables';
import { findCollision } from './collisions';
import { LoadProof, RestoreContext, checkBuiltWhole, checkReadWhole, chunksOf, loadChunk, readArchive } from './portable-restore';

const BACKUP = '018f0000-0000-7000-8000-000000000001';
const OTHER = '018f0000-0000-7000-8000-00000000000f';
const build: BuildHandle = { tableId: OTHER, generation: OTHER, schema: sampleSchema, buildId: OTHER, projectId: 'demo' };
const damaged = expect.objectContaining({ code: 'ArchiveDamaged' });
const unproved = expect.objectContaining({ code: 'VerificationFailed' });

let store: MemoryObjectStore;
let manifest: ArchiveManifest;
let chunks: ChunkEntry[];
let written: DecodedItem[];
beforeEach(async () => {
  store = new MemoryObjectStore();
  await writeSampleArchive(store, { compression: 'none' });
  manifest = await readArchive(store, BACKUP);
  chunks = await chunksOf(store, manifest);
  written = [];
});

type Loader = Pick<TableBackend, 'capabilities' | 'loadItems'>;
const capabilities = { expiredItemsReadable: true } as TableBackend['capabilities'];

/** A backend of which loading asks nothing but to take items. */
function context(): RestoreContext {
  const backend: Loader = {
    capabilities,
    loadItems: async (_build, _part, read) => {
      for await (const items of read()) written.push(...items);
    },
  };
  return { backend: backend as TableBackend, store, failPoint: () => undefined };
}

const load = (entry: ChunkEntry, expiryCutoff = 0): Promise<LoadProof> =>
  loadChunk(context(), sampleSchema, entry, { mode: 'build', build, part: 'part' }, expiryCutoff, {
    signal: new AbortController().signal,
    throttle: () => Promise.resolve(),
  });

async function loadAll(entries: readonly ChunkEntry[], expiryCutoff = 0): Promise<LoadProof> {
  const sum: LoadProof = { loaded: new TableDigest(), skipped: new TableDigest() };
  for (const entry of entries) {
    const proof = await load(entry, expiryCutoff);
    sum.loaded.merge(proof.loaded);
    sum.skipped.merge(proof.skipped);
  }
  return sum;
}

describe('a portable restore', () => {
  it('names the key of two different items, where the backend has made one row of them', async () => {
    const twice = [{ item: { city: { S: 'twice' }, rank: { N: '7' }, note: { S: 'one' } } }, { item: { city: { S: 'twice' }, rank: { N: '7' }, note: { S: 'two' } } }];
    const collisionIn = async (items: readonly SampleItem[]): Promise<string | undefined> => {
      store = new MemoryObjectStore();
      await writeSampleArchive(store, { compression: 'none', items });
      chunks = await chunksOf(store, await readArchive(store, BACKUP));
      written = [];
      const { loaded } = await loadAll(chunks);
      const found = new TableDigest();
      for (const { bucket, digest } of new Map(written.map((each) => [each.canonicalKey.toString(), each])).values()) found.add(bucket, digest);
      const control = { signal: new AbortController().signal, throttle: () => Promise.resolve() };
      return (await findCollision(context(), { schema: sampleSchema, chunks, expiryCutoff: 0 }, { loaded, found }, control))?.canonicalKey.toString();
    };
    expect(await collisionIn([...sampleItems(), ...twice])).toBe('{"city":{"S":"twice"},"rank":{"N":"7"}}');
    expect(await collisionIn(sampleItems())).toBeUndefined();
    const [one] = twice;
    expect(await collisionIn([...twice.slice(0, 1), { ...one, item: one?.item ?? {} }])).toBeUndefined();
    expect(await collisionIn([...twice.slice(0, 1), { item: one?.item ?? {}, expiresAt: 4_000_000_000 }])).toContain('twice');
  });

  it('reads every chunk, once: anything else is not what the manifest says', async () => {
    expect(() => checkReadWhole(manifest, { loaded: new TableDigest(), skipped: new TableDigest() })).toThrow(unproved);
    const lacking = await loadAll(chunks.slice(1));
    expect(() => checkReadWhole(manifest, lacking)).toThrow(unproved);
    const doubled = await loadAll([...chunks, ...chunks.slice(0, 1)]);
    expect(() => checkReadWhole(manifest, doubled)).toThrow(unproved);
    const whole = await loadAll(chunks);
    expect(() => checkReadWhole(manifest, whole)).not.toThrow();
  });

  it('finds in the build what was loaded, or fails', async () => {
    const { loaded } = await loadAll(chunks);
    const lacking = await loadAll(chunks.slice(1));
    expect(() => checkBuiltWhole(loaded, loaded)).not.toThrow();
    expect(() => checkBuiltWhole(loaded, lacking.loaded)).toThrow(unproved);
  });

  it('leaves out what had expired by the second of its beginning, and proves that too', async () => {
    const cutoff = 4_000_000_010;
    const expired = sampleItems().filter(({ expiresAt }) => expiresAt !== undefined && expiresAt <= cutoff).length;
    expect(expired).toBeGreaterThan(2);
    const proof = await loadAll(chunks, cutoff);
    expect(proof.skipped.itemCount).toBe(expired);
    expect(proof.loaded.itemCount).toBe(manifest.item_count - expired);
    expect(written).toHaveLength(manifest.item_count - expired);
    expect(written.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt <= cutoff)).toEqual([]);
    expect(() => checkReadWhole(manifest, proof)).not.toThrow();
  });

  it('hands on every expiry that is still to come', async () => {
    await loadAll(chunks);
    const expiries = sampleItems().flatMap(({ expiresAt }) => (expiresAt === undefined ? [] : [expiresAt]));
    expect(written.flatMap(({ expiresAt }) => (expiresAt === undefined ? [] : [expiresAt])).sort()).toEqual(expiries.sort());
  });

  it('checks the bytes of a chunk before it writes the first item', async () => {
    // Far more than one batch, and the damage at the very end.
    const large = Array.from({ length: 8 }, (_, index) => ({
      item: { city: { S: 'large' }, rank: { N: String(index) }, note: { S: 'x'.repeat(500_000) } },
    }));
    store = new MemoryObjectStore();
    await writeSampleArchive(store, { compression: 'none', items: large });
    const [entry] = await chunksOf(store, await readArchive(store, BACKUP));
    if (entry === undefined) throw new Error('no chunk');
    const body = Buffer.concat((await (await store.get(entry.name))?.toArray()) ?? []);
    const last = body.lastIndexOf('x');
    body.writeUInt8(body.readUInt8(last) ^ 1, last);
    await store.put(entry.name, bufferSource(body));
    await expect(load(entry)).rejects.toEqual(damaged);
    expect(written).toEqual([]);
  });

  it('waits for its turn with a whole chunk, before the backend is asked', async () => {
    const [entry] = chunks;
    if (entry === undefined) throw new Error('no chunk');
    const order: unknown[] = [];
    const { backend } = context();
    const asked: Loader = {
      capabilities,
      loadItems: (...call) => {
        order.push('load');
        return backend.loadItems(...call);
      },
    };
    const control = {
      signal: new AbortController().signal,
      throttle: async (amount: { bytes: number; items: number }) => void order.push(amount),
    };
    const target = { mode: 'build', build, part: 'part' } as const;
    await loadChunk({ ...context(), backend: asked as TableBackend }, sampleSchema, entry, target, 0, control);
    expect(order).toEqual([{ bytes: entry.raw_bytes, items: entry.items }, 'load']);
  });

  it('proves a chunk once, however often the backend reads it', async () => {
    const cutoff = 4_000_000_010;
    const entries = await Promise.all(chunks.map((entry) => load(entry, cutoff)));
    const again: Loader = {
      capabilities,
      loadItems: async (_build, _part, read) => {
        for (let time = 0; time < 3; time++) for await (const _items of read()) if (time === 0) break;
      },
    };
    const backend = again as TableBackend;
    const control = { signal: new AbortController().signal, throttle: () => Promise.resolve() };
    const target = { mode: 'build', build, part: 'part' } as const;
    for (const [index, entry] of chunks.entries()) {
      const proof = await loadChunk({ ...context(), backend }, sampleSchema, entry, target, cutoff, control);
      expect(proof.loaded.equals(entries[index]?.loaded ?? new TableDigest())).toBe(true);
      expect(proof.skipped.equals(entries[index]?.skipped ?? new TableDigest())).toBe(true);
    }
    expect(entries.reduce((sum, { skipped }) => sum + skipped.itemCount, 0)).toBeGreaterThan(2);
  });

  it('refuses another backup than the one that was named', async () => {
    await expect(readArchive(store, OTHER)).rejects.toEqual(damaged);
    expect((await readArchive(store, null)).backup_id).toBe(BACKUP);
  });
});
