import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { DomainError, isDomainError, validationError } from '../kernel';
import { ObjectStore, bufferSource } from './object-store';

/** What a job is going to do at a place. */
export type Purpose = 'write' | 'delete' | 'read';

/** Longest time that a place may take to show that it is usable. */
const PROBE_MILLIS = 15_000;
/** What a probe has stored is removed even then. */
const CLEAN_UP_MILLIS = 5000;

/**
 * Can the work be done there? Tried out with an object of a few bytes, of which nothing is left.
 * @throws DomainError `StorageError`, `StorageFull`
 */
export async function probeStore(store: ObjectStore, purpose: Purpose, millis = PROBE_MILLIS): Promise<void> {
  const name = `probe-${randomUUID()}`;
  const signal = AbortSignal.timeout(millis);
  try {
    if (purpose === 'read') await store.head('manifest.json', signal);
    // There is no such object: who may delete is told so, and nothing is deleted.
    else if (purpose === 'delete') await store.delete(name, signal);
    else await tryOut(store, name, signal);
  } catch (error) {
    if (signal.aborted) throw new DomainError('StorageError', 'the storage host did not answer in time', { transient: true });
    throw error;
  }
}

async function tryOut(store: ObjectStore, name: string, signal: AbortSignal): Promise<void> {
  if (!store.capabilities.writable) throw new DomainError('StorageError', 'a place that is only read can hold no new backup');
  const bytes = Buffer.from(name);
  try {
    await store.put(name, bufferSource(bytes), signal);
    const stored = await store.get(name, { signal });
    if (stored === undefined || !(await buffer(stored)).equals(bytes)) throw new DomainError('StorageError', 'the store does not give back what was put into it');
    await store.delete(name, signal);
  } catch (error) {
    await store.delete(name, AbortSignal.timeout(CLEAN_UP_MILLIS)).catch(() => undefined);
    throw error;
  }
}

/**
 * Says of a place that a request names, what is wrong with the request: a key or a bucket that does not fit will not fit later, either.
 * @param field what the request calls the place
 * @throws DomainError `ValidationError` for what stays wrong; everything else as it is
 */
export function blaming(field: string): (error: unknown) => never {
  return (error) => {
    if (isDomainError(error, 'StorageFull') || (isDomainError(error, 'StorageError') && !error.transient)) {
      throw Object.assign(validationError(`${field}: ${error.message}`), { cause: error });
    }
    throw error;
  };
}
