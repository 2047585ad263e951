import { Readable } from 'node:stream';
import { MapArchiveStore } from '../../test/fakes/map-archive-store';
import { writeSampleArchive } from '../../test/fakes/sample-archive';
import { DomainError } from '../kernel';
import { MemoryObjectStore } from '../storage';
import { archiveObjectNames, deleteArchive, readManifest, verifyArchive } from './index';

async function sample(): Promise<MapArchiveStore> {
  const store = new MapArchiveStore();
  await writeSampleArchive(store, { compression: 'zstd' });
  store.log.length = 0;
  return store;
}

describe('deletion', () => {
  it('leaves nothing, and stops being a backup with its first delete', async () => {
    const store = await sample();
    const gone: string[] = [];
    await deleteArchive(store, { onDeleted: (name) => gone.push(name) });
    expect([...store.objects.keys()]).toEqual([]);
    expect(store.log.slice(0, 2)).toEqual(['put deleted.json', 'delete manifest.json']);
    expect(store.log.slice(-2)).toEqual(['delete started.json', 'delete deleted.json']);
    expect(gone).toEqual(
      store.log.filter((line) => line.startsWith('delete ')).map((line) => line.slice('delete '.length)),
    );
  });

  it('goes on after a crash at any point, and is never a backup with something missing', async () => {
    const whole = await sample();
    const changes = whole.objects.size + 2;
    for (let crashAfter = 0; crashAfter < changes; crashAfter++) {
      const store = whole.copy();
      store.changesLeft = crashAfter;
      await expect(deleteArchive(store)).rejects.toThrow('crashed');
      if (store.objects.has('manifest.json')) await expect(verifyArchive(store)).resolves.toBeDefined();
      else await expect(readManifest(store)).rejects.toMatchObject({ code: 'BackupNotExists' });
      store.changesLeft = Number.POSITIVE_INFINITY;
      await deleteArchive(store);
      expect([...store.objects.keys()]).toEqual([]);
    }
  });

  it('needs no room on a full store, and goes on after a crash there, too', async () => {
    class FullStore extends MapArchiveStore {
      override async put(): Promise<void> {
        throw new DomainError('StorageFull', 'no room left');
      }
    }
    const whole = await sample();
    for (let crashAfter = 0; crashAfter <= whole.objects.size; crashAfter++) {
      const store = new FullStore(new Map(whole.objects));
      store.changesLeft = crashAfter;
      await deleteArchive(store).catch((error: unknown) => expect(error).toMatchObject({ message: 'crashed' }));
      store.changesLeft = Number.POSITIVE_INFINITY;
      await deleteArchive(store);
      expect([...store.objects.keys()]).toEqual([]);
    }
  });

  it('knows all names while it runs, too', async () => {
    const store = await sample();
    const all = [...store.objects.keys()].sort();
    store.changesLeft = 2;
    await expect(deleteArchive(store)).rejects.toThrow('crashed');
    const names: string[] = [];
    for await (const name of archiveObjectNames(store)) names.push(name);
    expect(names.sort()).toEqual(all.map((name) => (name === 'manifest.json' ? 'deleted.json' : name)).sort());
  });

  it('goes by the recorded names where there never was a manifest, and by nothing that is no archive’s', async () => {
    const store = await sample();
    const names = [...store.objects.keys()];
    store.objects.delete('manifest.json');
    store.objects.set('somebody/elses', Buffer.from('x'));
    await deleteArchive(store, { names: [...names, 'somebody/elses', '../up'] });
    expect([...store.objects.keys()]).toEqual(['somebody/elses']);
    expect(store.log).not.toContain('delete ../up');
  });

  it('deletes a damaged archive as far as its names can be read, and the rest by listing', async () => {
    const store = new MemoryObjectStore();
    await writeSampleArchive(store, { compression: 'gzip' });
    const stray = `chunks/${'5'.repeat(64)}.jsonl.gz`;
    for (const name of [stray, 'manifest.json']) {
      await store.delete(name);
      await store.put(name, { size: 3, open: () => Readable.from([Buffer.from('{"x')]) });
    }
    await deleteArchive(store);
    const left: string[] = [];
    for await (const name of store.list('')) left.push(name);
    expect(left).toEqual([]);
  });

  it('stops when told to', async () => {
    const store = await sample();
    await expect(deleteArchive(store, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    expect(store.objects.has('manifest.json')).toBe(true);
  });
});
