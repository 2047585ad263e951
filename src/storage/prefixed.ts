import { ObjectStore } from './object-store';

/** The part of a store whose names begin with `prefix` and a slash, as a store of its own. */
export function prefixed(inner: ObjectStore, prefix: string): ObjectStore {
  const full = (name: string): string => `${prefix}/${name}`;
  return {
    capabilities: inner.capabilities,
    put: (name, source, signal) => inner.put(full(name), source, signal),
    get: (name, options) => inner.get(full(name), options),
    head: (name, signal) => inner.head(full(name), signal),
    delete: (name, signal) => inner.delete(full(name), signal),
    async *list(start, signal) {
      for await (const name of inner.list(full(start), signal)) yield name.slice(prefix.length + 1);
    },
    url: (name) => inner.url(name === '' ? prefix : full(name)),
  };
}
