import type { ObjectSource, ObjectStore } from '../../storage';
import type { BackupLedger } from './backup-ledger';

/** The store as an archive's writer sees it: every name goes to the ledger before its first byte goes out. */
export function recordingStore(store: ObjectStore, ledger: BackupLedger): ObjectStore {
  return {
    capabilities: store.capabilities,
    put: async (name: string, source: ObjectSource, signal?: AbortSignal) => {
      await ledger.intend(name);
      await store.put(name, source, signal);
    },
    get: (name, options) => store.get(name, options),
    head: (name, signal) => store.head(name, signal),
    delete: (name, signal) => store.delete(name, signal),
    list: (prefix, signal) => store.list(prefix, signal),
    url: (name) => store.url(name),
  };
}
