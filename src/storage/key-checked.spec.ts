import fc from 'fast-check';
import { sourceOf } from '../../test/contract/object-store.contract';
import { FaultyObjectStore } from '../../test/fakes/faulty-object-store';
import { MemoryObjectStore, isSafeObjectName, keyChecked } from '.';

describe('keyChecked', () => {
  it.each(['manifest.json', 'chunks/0a/0a1b.zst', 'a-b_c.d/e', 'a', 'a'.repeat(200)])('lets %s through', (name) => {
    expect(isSafeObjectName(name)).toBe(true);
  });

  it.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/..',
    'a..b',
    '.hidden',
    'a/.b.part/c',
    'A',
    'a b',
    'a\\b',
    'a%2fb',
    'a\u0000',
    'a\n',
    'ä',
    'a:b',
    'a'.repeat(201),
    'a/'.repeat(256) + 'a',
  ])('refuses %j before the store is asked', async (name) => {
    const inner = new FaultyObjectStore(new MemoryObjectStore());
    const store = keyChecked(inner);
    const refused = { code: 'StorageError', transient: false };
    await expect(store.put(name, sourceOf('x'))).rejects.toMatchObject(refused);
    await expect(store.get(name)).rejects.toMatchObject(refused);
    await expect(store.head(name)).rejects.toMatchObject(refused);
    await expect(store.delete(name)).rejects.toMatchObject(refused);
    if (name !== '') {
      expect(() => store.url(name)).toThrow(expect.objectContaining(refused));
      if (name !== 'a/') expect(() => store.list(name)).toThrow(expect.objectContaining(refused));
    }
    expect(inner.calls).toEqual([]);
  });

  it.each([
    { start: -1 },
    { start: 0.5 },
    { start: Number.NaN },
    { start: 2, end: 1 },
    { end: Number.POSITIVE_INFINITY },
  ])('refuses the range %j', async (range) => {
    await expect(keyChecked(new MemoryObjectStore()).get('a', range)).rejects.toMatchObject({ code: 'StorageError' });
  });

  it('refuses an object that is larger than the store takes', async () => {
    const store = keyChecked(new MemoryObjectStore({ maxObjectBytes: 3 }));
    await store.put('a', sourceOf('abc'));
    await expect(store.put('a', sourceOf('abcd'))).rejects.toMatchObject({ code: 'StorageError' });
  });

  it('accepts no name that a path could make something else of', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '.', '/', '-', '_', '0', 'A', '\\', '%') }), (name) => {
        fc.pre(isSafeObjectName(name));
        expect(new URL(name, 'file:///root/').pathname).toBe(`/root/${name}`);
      }),
      { numRuns: 2000 },
    );
  });
});
