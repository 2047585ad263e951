import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { objectStoreContract, listed, readObject, sourceOf } from '../../test/contract/object-store.contract';
import { DomainError } from '../kernel';
import { FaultyObjectStore } from '../../test/fakes/faulty-object-store';
import { MemoryObjectStore, RetryOptions, retrying } from '.';

const waits: number[] = [];
const options: RetryOptions = {
  attempts: 4,
  baseDelayMillis: 100,
  maxDelayMillis: 250,
  random: () => 0.999,
  sleep: async (millis) => {
    // So that tries without end fail a test instead of hanging it.
    if (waits.push(millis) > 1000) throw new Error('tried again and again');
  },
};

objectStoreContract('retrying, around a store that fails twice at each operation', async () => {
  waits.length = 0;
  const faulty = new FaultyObjectStore(new MemoryObjectStore());
  for (const operation of ['put', 'get', 'head', 'delete', 'list'] as const)
    faulty.failTransiently({ operation, times: 2 });
  return { store: retrying(faulty, options) };
});

describe('retrying', () => {
  const bytes = randomBytes(300_000);
  let faulty: FaultyObjectStore;

  beforeEach(async () => {
    waits.length = 0;
    faulty = new FaultyObjectStore(new MemoryObjectStore());
    await faulty.put('object', sourceOf(bytes));
    faulty.calls.length = 0;
  });

  it('opens the source anew for each try of a put', async () => {
    const source = sourceOf(bytes);
    const open = jest.fn(source.open);
    let broken = 2;
    faulty.at('put:after', 'new', () => {
      if (broken-- > 0) throw new DomainError('StorageError', 'the answer was lost', { transient: true });
    });
    await retrying(faulty, options).put('new', { size: source.size, open });
    expect(open).toHaveBeenCalledTimes(3);
    expect((await readObject(faulty, 'new'))?.equals(bytes)).toBe(true);
  });

  it('waits exponentially longer, within a bound', async () => {
    faulty.failTransiently({ operation: 'head', times: 3 });
    expect(await retrying(faulty, options).head('object')).toEqual({ size: bytes.length });
    expect(waits).toEqual([99, 199, 249]);
  });

  it('stays away as long as the store asks, within a bound of its own', async () => {
    const asked = [3, 7200];
    faulty.at('head:before', 'object', () => {
      const retryAfterSeconds = asked.shift();
      if (retryAfterSeconds !== undefined) throw new DomainError('StorageError', 'come later', { transient: true, retryAfterSeconds });
    });
    await retrying(faulty, { ...options, maxRetryAfterMillis: 60_000 }).head('object');
    expect(waits).toEqual([3_099, 60_199]);
  });

  it('waits anything between nothing and the bound', async () => {
    faulty.failTransiently({ operation: 'head', times: 2 });
    const drawn = [0, 0.5];
    await retrying(faulty, { ...options, random: () => drawn.shift() ?? 1 }).head('object');
    expect(waits).toEqual([0, 100]);
  });

  it.each(['put', 'get', 'head', 'delete', 'list'] as const)(
    'gives up a %s after its attempts, with the last error',
    async (operation) => {
      faulty.failTransiently({ operation });
      const store = retrying(faulty, options);
      const call = {
        put: () => store.put('object', sourceOf(bytes)),
        get: () => store.get('object'),
        head: () => store.head('object'),
        delete: () => store.delete('object'),
        list: () => listed(store),
      }[operation];
      await expect(call()).rejects.toMatchObject({ code: 'StorageError', transient: true });
      expect(faulty.calls.filter((made) => made.operation === operation)).toHaveLength(4);
    },
  );

  it.each(['StorageError', 'StorageFull'] as const)('does not try again after a permanent %s', async (code) => {
    faulty.fail({ operation: 'put' }, code);
    await expect(retrying(faulty, options).put('object', sourceOf(bytes))).rejects.toMatchObject({ code });
    expect(faulty.calls).toHaveLength(1);
    expect(waits).toEqual([]);
  });

  it('goes on behind the last byte when a stream breaks', async () => {
    faulty.breakReads({ times: 2 }, 120_000);
    const get = jest.spyOn(faulty, 'get');
    expect(
      (await readObject(retrying(faulty, options), 'object', { start: 7, end: 290_001 }))?.equals(
        bytes.subarray(7, 290_001),
      ),
    ).toBe(true);
    const starts = get.mock.calls.map(([, range]) => range?.start);
    expect(starts).toHaveLength(3);
    expect(starts[0]).toBe(7);
    expect(starts[1]).toBeGreaterThan(7);
    expect(starts[2]).toBeGreaterThan(starts[1] ?? 0);
  });

  it('bounds the tries of one read altogether', async () => {
    faulty.breakReads({}, 70_000);
    await expect(readObject(retrying(faulty, { ...options, attempts: 2 }), 'object')).rejects.toMatchObject({
      transient: true,
    });
    expect(faulty.calls).toHaveLength(2);
  });

  it('says so when an object vanishes in mid-read', async () => {
    faulty.breakReads({ times: 1 }, 70_000);
    const stream = await retrying(faulty, { ...options, sleep: () => faulty.delete('object') }).get('object');
    await expect(
      (async () => {
        for await (const _chunk of stream ?? []);
      })(),
    ).rejects.toMatchObject({ code: 'StorageError', message: expect.stringContaining('vanished') });
  });

  it('hands a late error to the reader, even when nobody read yet', async () => {
    faulty.breakReads({}, 0);
    const stream = await retrying(faulty, { ...options, attempts: 1 }).get('object');
    await new Promise((resolve) => setImmediate(resolve));
    await expect(
      (async () => {
        for await (const _chunk of stream ?? []);
      })(),
    ).rejects.toMatchObject({ code: 'StorageError' });
  });

  it.each(['unread', 'half read'])('lets the stream below go when its own is dropped %s', async (when) => {
    let below: Readable | undefined;
    const get = faulty.get.bind(faulty);
    jest.spyOn(faulty, 'get').mockImplementation(async (...call) => (below = await get(...call)));
    const stream = await retrying(faulty, options).get('object');
    const closed = new Promise((resolve) => stream?.once('close', resolve));
    if (when === 'half read') for await (const _chunk of stream ?? []) break;
    stream?.destroy();
    await closed;
    expect(below?.destroyed).toBe(true);
  });

  it('stops waiting when the signal is aborted, with its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    faulty.failTransiently({});
    const store = retrying(faulty, {
      ...options,
      sleep: async (_millis, signal) => {
        setImmediate(() => controller.abort(reason));
        await delay(1_000_000, undefined, signal && { signal });
      },
    });
    await expect(store.put('object', sourceOf(bytes), controller.signal)).rejects.toBe(reason);
    expect(faulty.calls).toHaveLength(1);
  });

  it('waits by the real clock when no other is given', async () => {
    faulty.failTransiently({ operation: 'head', times: 1 });
    expect(await retrying(faulty, { baseDelayMillis: 2 }).head('object')).toEqual({ size: bytes.length });
  });
});
