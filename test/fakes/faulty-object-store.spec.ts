import { listed, objectStoreContract, readObject, sourceOf } from '../contract/object-store.contract';
import { MemoryObjectStore } from '../../src/storage';
import { FaultyObjectStore } from './faulty-object-store';

objectStoreContract('the faulty store without a fault', async () => ({
  store: new FaultyObjectStore(new MemoryObjectStore()),
}));

describe('FaultyObjectStore', () => {
  const bytes = Buffer.from(Array.from({ length: 150_000 }, (_, i) => i % 251));
  let store: FaultyObjectStore;

  beforeEach(async () => {
    store = new FaultyObjectStore(new MemoryObjectStore());
    await store.put('chunks/1', sourceOf(bytes));
  });

  it('fails so many times, at what it was told to, and heals', async () => {
    store.failTransiently({ operation: 'head', name: /^chunks/, times: 1 });
    expect(await store.head('other')).toBeUndefined();
    await expect(store.head('chunks/1')).rejects.toMatchObject({ transient: true });
    expect(await store.head('chunks/1')).toBeDefined();
    store.fail({ operation: 'head' }, 'StorageFull');
    await expect(store.head('chunks/1')).rejects.toMatchObject({ code: 'StorageFull', transient: false });
    store.heal();
    expect(await store.head('chunks/1')).toBeDefined();
    expect(store.calls.filter(({ operation }) => operation === 'head')).toHaveLength(5);
  });

  it('truncates without, and breaks with an error', async () => {
    store.truncateReads({ times: 1 }, 100_000);
    expect((await readObject(store, 'chunks/1'))?.equals(bytes.subarray(0, 100_000))).toBe(true);
    store.breakReads({ times: 1 }, 100_000);
    await expect(readObject(store, 'chunks/1')).rejects.toMatchObject({ code: 'StorageError', transient: true });
    expect((await readObject(store, 'chunks/1'))?.equals(bytes)).toBe(true);
  });

  it.each([0, 10, 90_000])('flips the one bit, in a read from %d on too', async (start) => {
    store.flipBit('chunks/1', 99_999, 7);
    const read = (await readObject(store, 'chunks/1', { start })) ?? Buffer.alloc(0);
    const wrong = [...read.entries()].filter(([i, byte]) => byte !== bytes[start + i]);
    expect(wrong).toEqual([[99_999 - start, (bytes[99_999] ?? 0) ^ 0x80]]);
  });

  it('runs out of room and stores nothing of the put that did not fit', async () => {
    store.diskFullAfter(200_000);
    await store.put('a', sourceOf(bytes));
    await expect(store.put('b', sourceOf(bytes))).rejects.toMatchObject({ code: 'StorageFull' });
    expect(await listed(store)).toEqual(['a', 'chunks/1']);
  });

  it('lists late', async () => {
    await store.put('manifest.json', sourceOf('x'));
    store.hideFromListing(/chunks/);
    expect(await listed(store)).toEqual(['manifest.json']);
    expect(await store.head('chunks/1')).toBeDefined();
  });

  it('comes by the named points in their order, and waits at the gates', async () => {
    const seen: string[] = [];
    for (const point of ['put:before', 'put:middle', 'put:after', 'get:before', 'get:after', 'get:middle'] as const) {
      store.at(point, 'a', () => seen.push(point));
    }
    store.slow({ operation: 'get' }, async () => void seen.push('gate'));
    await store.put('a', sourceOf('x'));
    await readObject(store, 'a');
    expect(seen).toEqual(['put:before', 'put:middle', 'put:after', 'get:before', 'get:after', 'gate', 'get:middle']);
    store.at('delete:before', /./, () => {
      throw new Error('crash');
    });
    await expect(store.delete('a')).rejects.toThrow('crash');
  });
});
