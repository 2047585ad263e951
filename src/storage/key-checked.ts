import { DomainError } from '../kernel';
import { GetOptions, ObjectSource, ObjectStore } from './object-store';

/** Longest object name, in characters. */
export const MAX_OBJECT_NAME_LENGTH = 512;

/** Longest part of a name: file systems take 255 bytes, and adapters add a few of their own. */
export const MAX_NAME_PART_LENGTH = 200;

/** Is this a relative name that can do no harm in any store: `[0-9a-z._/-]+`, no `..`, no empty or dotted part? */
export function isSafeObjectName(name: string): boolean {
  return (
    name.length <= MAX_OBJECT_NAME_LENGTH &&
    /^[0-9a-z._/-]+$/.test(name) &&
    !name.includes('..') &&
    name.split('/').every((part) => part !== '' && !part.startsWith('.') && part.length <= MAX_NAME_PART_LENGTH)
  );
}

function check(name: string): void {
  // The name is not repeated: it may come from a hostile archive.
  if (!isSafeObjectName(name)) throw new DomainError('StorageError', 'an object name is not safe');
}

function checkRange({ start = 0, end }: GetOptions): void {
  const whole = [start, end ?? 0].every((offset) => Number.isSafeInteger(offset) && offset >= 0);
  if (!whole || (end !== undefined && end < start)) throw new DomainError('StorageError', 'a byte range is not valid');
}

/** Lets only safe names and sensible ranges through (`StorageError` otherwise), so that adapters need no checks of their own. */
export function keyChecked(inner: ObjectStore): ObjectStore {
  return {
    capabilities: inner.capabilities,
    async put(name: string, source: ObjectSource, signal?: AbortSignal) {
      check(name);
      if (source.size > inner.capabilities.maxObjectBytes) {
        throw new DomainError('StorageError', 'an object is larger than the object store takes');
      }
      await inner.put(name, source, signal);
    },
    async get(name, options = {}) {
      check(name);
      checkRange(options);
      return inner.get(name, options);
    },
    async head(name, signal) {
      check(name);
      return inner.head(name, signal);
    },
    async delete(name, signal) {
      check(name);
      await inner.delete(name, signal);
    },
    list(prefix, signal) {
      if (prefix !== '') check(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
      return inner.list(prefix, signal);
    },
    url(name) {
      if (name !== '') check(name);
      return inner.url(name);
    },
  };
}
