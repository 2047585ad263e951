import { listed } from '../../test/contract/object-store.contract';
import { FaultyObjectStore } from '../../test/fakes/faulty-object-store';
import { DomainError } from '../kernel';
import { MemoryObjectStore, ObjectStore } from '.';
import { Purpose, blaming, probeStore } from './probe';

/** A memory store of which some methods do something else. */
function storeWith(changes: Partial<ObjectStore>): MemoryObjectStore {
  return Object.assign(new MemoryObjectStore(), changes);
}

const denied = (): Promise<never> => Promise.reject(new DomainError('StorageError', 'denied'));

it.each<Purpose>(['write', 'delete', 'read'])('a place that is well is good to %s, and nothing is left there', async (purpose) => {
  const store = new MemoryObjectStore();
  await probeStore(store, purpose);
  expect(await listed(store)).toEqual([]);
});

it.each<[Purpose, string, Partial<ObjectStore>]>([
  ['write', 'takes nothing', { put: denied }],
  ['write', 'gives nothing back', { get: denied }],
  ['write', 'gives nothing back, and says so', { get: async () => undefined }],
  ['write', 'lets nothing be deleted', { delete: denied }],
  ['write', 'is only read', { capabilities: { kind: 'memory', maxObjectBytes: 1, writable: false } }],
  ['delete', 'lets nothing be deleted', { delete: denied }],
  ['read', 'lets nothing be read', { head: denied }],
])('is not good to %s what %s', async (purpose, _what, changes) => {
  await expect(probeStore(storeWith(changes), purpose)).rejects.toMatchObject({ code: 'StorageError' });
});

it('leaves nothing where storing works and reading does not', async () => {
  const store = storeWith({ get: denied });
  await expect(probeStore(store, 'write')).rejects.toThrow('denied');
  expect(await listed(store)).toEqual([]);
});

it('what needs not be written is not', async () => {
  const store = new FaultyObjectStore(new MemoryObjectStore());
  await probeStore(store, 'delete');
  await probeStore(store, 'read');
  expect(store.calls.map(({ operation }) => operation)).toEqual(['delete', 'head']);
});

it('takes no longer than it may', async () => {
  const put: ObjectStore['put'] = (_name, _source, signal) =>
    new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
  await expect(probeStore(storeWith({ put }), 'write', 20)).rejects.toMatchObject({ code: 'StorageError', transient: true, message: 'the storage host did not answer in time' });
});

it('is the request’s fault what will not get better, and nothing else', () => {
  const blame = blaming('strategy.location');
  const of = (error: unknown): unknown => {
    try {
      return blame(error);
    } catch (thrown) {
      return thrown;
    }
  };
  for (const code of ['StorageError', 'StorageFull'] as const) {
    expect(of(new DomainError(code, 'no'))).toMatchObject({ code: 'ValidationError', message: 'strategy.location: no' });
  }
  for (const error of [new DomainError('StorageError', 'away', { transient: true }), new DomainError('Forbidden', 'no'), new DomainError('BackupNotExists', 'no'), new Error('x')]) {
    expect(of(error)).toBe(error);
  }
});
