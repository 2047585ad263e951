import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectStoreFixture, objectStoreContract } from '../../test/contract/object-store.contract';
import { FilesystemObjectStore, MemoryObjectStore, keyChecked, prefixed, retrying } from '.';

async function onDisk(): Promise<ObjectStoreFixture> {
  const root = await fs.realpath(await fs.mkdtemp(join(tmpdir(), 'object-store-')));
  return {
    store: new FilesystemObjectStore({ root }),
    reopen: () => new FilesystemObjectStore({ root }),
    dispose: () => fs.rm(root, { recursive: true, force: true }),
  };
}

objectStoreContract('filesystem', onDisk);
objectStoreContract('memory', async () => ({ store: new MemoryObjectStore() }));
objectStoreContract('filesystem, prefixed, retried and checked', async () => {
  const { store, dispose } = await onDisk();
  return {
    store: keyChecked(retrying(prefixed(store, 'demo/backup'))),
    reopen: () => prefixed(store, 'demo/backup'),
    dispose,
  };
});
objectStoreContract('memory, retried, prefixed and checked', async () => ({
  store: keyChecked(prefixed(retrying(new MemoryObjectStore()), 'a/b')),
}));
