import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { DomainError } from '../../src/kernel';
import { ObjectSource, ObjectStore } from '../../src/storage';

export interface ObjectStoreFixture {
  readonly store: ObjectStore;
  /** Another client of the same place, opened anew; undefined where nothing outlives the client. */
  reopen?(): ObjectStore;
  dispose?(): Promise<void>;
}

/** Bytes as a source that can be opened again and again, in pieces. */
export function sourceOf(bytes: Buffer | string, pieceBytes = 50_000): ObjectSource {
  const data = Buffer.from(bytes);
  function* pieces(start: number, end: number): Iterable<Buffer> {
    for (let offset = start; offset < end; offset += pieceBytes) yield data.subarray(offset, Math.min(offset + pieceBytes, end));
  }
  return { size: data.length, open: (start = 0, end = data.length) => Readable.from(pieces(start, Math.min(end, data.length)), { objectMode: false }) };
}

/** The bytes of an object, or undefined if it is not there. */
export async function readObject(
  store: ObjectStore,
  name: string,
  range: { start?: number; end?: number } = {},
): Promise<Buffer | undefined> {
  const stream = await store.get(name, range);
  return stream && buffer(stream);
}

/** What a store lists, sorted. A listing may be late elsewhere; adapters that this suite knows list at once. */
export async function listed(store: ObjectStore, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for await (const name of store.list(prefix)) names.push(name);
  return names.sort();
}

/** A source whose stream breaks with `error` after `bytes`. */
export function brokenSource(bytes: number, size: number, error: Error): ObjectSource {
  return {
    size,
    open: (start = 0, end = size) =>
      Readable.from(
        (function* () {
          yield Buffer.alloc(Math.max(0, Math.min(bytes, end) - start), 1);
          if (end > bytes) throw error;
        })(),
        { objectMode: false },
      ),
  };
}

/** What every `ObjectStore` must do, whatever is behind it and around it. `make` gives an empty store. */
export function objectStoreContract(name: string, make: () => Promise<ObjectStoreFixture>): void {
  describe(`${name}: the object store contract`, () => {
    let fixture: ObjectStoreFixture;
    let store: ObjectStore;

    beforeEach(async () => {
      fixture = await make();
      store = fixture.store;
    });
    afterEach(async () => {
      await fixture.dispose?.();
    });

    it.each([0, 1, 65_535, 65_536, 3_000_001])('gives back %d bytes as they were put', async (size) => {
      const bytes = randomBytes(size);
      await store.put('chunks/ab/object', sourceOf(bytes));
      const read = await readObject(store, 'chunks/ab/object');
      expect(read?.length).toBe(size);
      expect(read?.equals(bytes)).toBe(true);
      expect(await store.head('chunks/ab/object')).toEqual({ size });
    });

    it.each([
      [0, undefined, 0, 200_000],
      [1, undefined, 1, 200_000],
      [70_000, 140_001, 70_000, 140_001],
      [199_999, undefined, 199_999, 200_000],
      [199_999, 900_000, 199_999, 200_000],
      [200_000, undefined, 0, 0],
      [900_000, 900_001, 0, 0],
      [5, 5, 0, 0],
    ])('reads the range from %s to %s', async (start, end, from, to) => {
      const bytes = randomBytes(200_000);
      await store.put('object', sourceOf(bytes));
      const read = await readObject(store, 'object', end === undefined ? { start } : { start, end });
      expect(read?.equals(bytes.subarray(from, to))).toBe(true);
    });

    it('gives undefined for a missing object, and deletes it without complaint', async () => {
      await store.put('folder/object', sourceOf('x'));
      for (const missing of ['nothing', 'folder', 'folder/nothing', 'no/such/folder/object']) {
        expect(await store.get(missing)).toBeUndefined();
        expect(await store.head(missing)).toBeUndefined();
        await store.delete(missing);
      }
      expect(await listed(store)).toEqual(['folder/object']);
    });

    it('deletes, more than once', async () => {
      await store.put('a/b/object', sourceOf('x'));
      await store.put('a/other', sourceOf('y'));
      await store.delete('a/b/object');
      await store.delete('a/b/object');
      expect(await store.head('a/b/object')).toBeUndefined();
      expect(await listed(store)).toEqual(['a/other']);
    });

    it('stores the same name again', async () => {
      await store.put('object', sourceOf('same'));
      await store.put('object', sourceOf('same'));
      expect(String(await readObject(store, 'object'))).toBe('same');
      expect(await listed(store)).toEqual(['object']);
    });

    it('refuses a source of another size than announced, and keeps nothing of it', async () => {
      const bytes = randomBytes(100_000);
      for (const size of [bytes.length - 1, bytes.length + 1, 0]) {
        await expect(store.put('object', { size, open: sourceOf(bytes).open })).rejects.toMatchObject({
          code: 'StorageError',
          transient: false,
        });
      }
      expect(await store.head('object')).toBeUndefined();
      expect(await listed(store)).toEqual([]);
    });

    it('keeps nothing of a put whose source broke, and the old object where there was one', async () => {
      await store.put('old', sourceOf('old bytes'));
      for (const target of ['old', 'new']) {
        await expect(store.put(target, brokenSource(70_000, 200_000, new Error('source broke')))).rejects.toMatchObject(
          { code: 'StorageError' },
        );
      }
      expect(String(await readObject(store, 'old'))).toBe('old bytes');
      expect(await listed(store)).toEqual(['old']);
    });

    it("passes a source's own domain error on", async () => {
      const error = new DomainError('ArchiveDamaged', 'what was to be stored is damaged');
      await expect(store.put('object', brokenSource(10, 20, error))).rejects.toBe(error);
    });

    it('shows an object only when its put is over', async () => {
      let opened = (): void => undefined;
      const isOpen = new Promise<void>((resolve) => (opened = resolve));
      let goOn = (): void => undefined;
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      const put = store.put('object', {
        size: 2,
        open: () =>
          Readable.from(
            (async function* () {
              yield Buffer.from('a');
              opened();
              await gate;
              yield Buffer.from('b');
            })(),
            { objectMode: false },
          ),
      });
      await isOpen;
      expect(await store.head('object')).toBeUndefined();
      expect(await store.get('object')).toBeUndefined();
      expect(await listed(store)).toEqual([]);
      goOn();
      await put;
      expect(String(await readObject(store, 'object'))).toBe('ab');
    });

    it('puts one name from many sides at once', async () => {
      const bytes = randomBytes(300_000);
      await Promise.all(Array.from({ length: 8 }, () => store.put('a/object', sourceOf(bytes))));
      expect((await readObject(store, 'a/object'))?.equals(bytes)).toBe(true);
      expect(await listed(store)).toEqual(['a/object']);
    });

    it('keeps puts and deletes of neighbours apart', async () => {
      await Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          const name = `f/${i % 4}/${i}`;
          await store.put(name, sourceOf(name));
          if (i % 2 === 0) await store.delete(name);
        }),
      );
      expect(await listed(store)).toEqual(
        Array.from({ length: 20 }, (_, i) => `f/${(2 * i + 1) % 4}/${2 * i + 1}`).sort(),
      );
    });

    it('lists by any beginning of a name', async () => {
      for (const object of ['manifest.json', 'chunks/aa/1', 'chunks/ab/2', 'chunks-old/3'])
        await store.put(object, sourceOf('x'));
      expect(await listed(store)).toEqual(['chunks-old/3', 'chunks/aa/1', 'chunks/ab/2', 'manifest.json']);
      expect(await listed(store, 'chunks/')).toEqual(['chunks/aa/1', 'chunks/ab/2']);
      expect(await listed(store, 'chunks/a')).toEqual(['chunks/aa/1', 'chunks/ab/2']);
      expect(await listed(store, 'chunks/ab')).toEqual(['chunks/ab/2']);
      expect(await listed(store, 'chunks')).toEqual(['chunks-old/3', 'chunks/aa/1', 'chunks/ab/2']);
      expect(await listed(store, 'nothing/')).toEqual([]);
    });

    it('rejects with the reason of an aborted signal, and keeps nothing', async () => {
      const reason = new Error('cancelled');
      const aborted = AbortSignal.abort(reason);
      await store.put('there', sourceOf('x'));
      await expect(store.put('object', sourceOf('x'), aborted)).rejects.toBe(reason);
      await expect(store.get('there', { signal: aborted })).rejects.toBe(reason);
      await expect(store.head('there', aborted)).rejects.toBe(reason);
      await expect(store.delete('there', aborted)).rejects.toBe(reason);
      expect(await listed(store)).toEqual(['there']);
    });

    it('stops a put in the middle when its signal is aborted', async () => {
      const controller = new AbortController();
      const reason = new Error('cancelled');
      // Gives a piece, aborts, and then never goes on.
      let begun = false;
      const read = function (this: Readable): void {
        if (begun) controller.abort(reason);
        else this.push(Buffer.alloc(100_000));
        begun = true;
      };
      const source: ObjectSource = { size: 1_000_000, open: () => new Readable({ read }) };
      await expect(store.put('object', source, controller.signal)).rejects.toBe(reason);
      expect(await listed(store)).toEqual([]);
    });

    it('breaks a stream whose signal is aborted', async () => {
      await store.put('object', sourceOf(randomBytes(2_000_000)));
      const controller = new AbortController();
      const stream = await store.get('object', { signal: controller.signal });
      await expect(
        (async () => {
          for await (const _chunk of stream ?? []) controller.abort();
        })(),
      ).rejects.toMatchObject({ name: 'AbortError' });
      expect(stream?.destroyed).toBe(true);
    });

    it('lets a stream be dropped unread or half read', async () => {
      await store.put('object', sourceOf(randomBytes(2_000_000)));
      for (const read of [false, true]) {
        const stream = await store.get('object');
        if (!stream) throw new Error('missing');
        const closed = new Promise((resolve) => stream.once('close', resolve));
        if (read) for await (const _chunk of stream) break;
        stream.destroy();
        await closed;
      }
      await store.delete('object');
      expect(await store.head('object')).toBeUndefined();
    });

    it('serves many readers of one object', async () => {
      const bytes = randomBytes(1_000_000);
      await store.put('object', sourceOf(bytes));
      const digest = createHash('sha256').update(bytes).digest('hex');
      const read = await Promise.all(Array.from({ length: 6 }, () => readObject(store, 'object')));
      for (const copy of read)
        expect(
          createHash('sha256')
            .update(copy ?? '')
            .digest('hex'),
        ).toBe(digest);
    });

    it('gives absolute URLs, each below the one of the root', () => {
      expect(store.url('')).toMatch(/^[a-z0-9+]+:\/\//);
      expect(store.url('chunks/ab/object').startsWith(store.url('').split('?')[0] ?? '')).toBe(true);
      expect(store.url('chunks/ab/object').split('?')[0]).toMatch(/\/chunks\/ab\/object$/);
    });

    it('says what it is', () => {
      expect(store.capabilities.kind).not.toBe('');
      expect(store.capabilities.maxObjectBytes).toBeGreaterThanOrEqual(64 * 1024 * 1024);
      expect(store.capabilities.writable).toBe(true);
    });

    it('finds objects again through another client', async () => {
      await store.put('a/object', sourceOf('kept'));
      const again = fixture.reopen?.() ?? store;
      expect(String(await readObject(again, 'a/object'))).toBe('kept');
      expect(await listed(again)).toEqual(['a/object']);
    });
  });
}
