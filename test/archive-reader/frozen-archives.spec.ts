import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMPRESSIONS, readChunk, readChunkEntries, readNativeChunk, verifyArchive } from '../../src/archive';
import { DecodedItem, TableDigest, canonicalItem, parseItem, sameStructure } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { createPostgresTableBackend } from '../../src/tables';
import { SampleItem, sampleSchema } from '../fakes/sample-archive';
import { createTestDatabase } from '../setup/database';

const FOLDER = join(__dirname, '../fixtures/archives/v1');

/** SHA-256 of each frozen manifest, and through it of every byte: these archives are never written anew. */
const MANIFESTS = {
  zstd: '9f813f2b3812d48aea1af37c50e86653aaa2d9cb9388c60ed82ad4d3028d89af',
  gzip: '4189afc89fcdc76b716fc9913231f3eeb1904bd5ca1a2875669ea8f11b5e8aa4',
  none: 'e7dc43d60b65d55d44e0ec96f4c59f7af3c5d520f35d0135c765e83a4e4a57ff',
};

describe('archives of format version 1 are read for ever', () => {
  it.each(COMPRESSIONS)('%s', async (compression) => {
    const root = join(FOLDER, compression);
    const bytes = await readFile(join(root, 'manifest.json'));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(MANIFESTS[compression]);

    const store = new FilesystemObjectStore({ root });
    const manifest = await verifyArchive(store);
    expect(sameStructure(manifest.schema, sampleSchema)).toBe(true);
    expect(manifest.backup_name).toBe('sample "ünïcode" 😀');
    const items: DecodedItem[] = [];
    for await (const entry of readChunkEntries(store, manifest)) {
      for await (const batch of readChunk(store, entry, manifest.schema)) items.push(...batch);
    }
    const expected = (await readFile(join(FOLDER, 'expected.jsonl'), 'utf8')).split('\n').slice(0, -1);
    expect(items.map(({ canonical, expiresAt }) => [canonical.toString(), expiresAt])).toEqual(
      expected.map((line) => {
        const { item, expiresAt } = JSON.parse(line) as SampleItem;
        return [canonicalItem(parseItem(item)).toString(), expiresAt];
      }),
    );
  });
});

describe('native archives of the layout postgresql-1 are read for ever', () => {
  const root = join(__dirname, '../fixtures/archives/v1-native');
  const store = new FilesystemObjectStore({ root });

  it('item by item', async () => {
    const bytes = await readFile(join(root, 'manifest.json'));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      'be45b7372e2f86dc546d66559c0f84a8fae6e4c427a5266475560a3033766a58',
    );
    const manifest = await verifyArchive(store);
    const found: string[] = [];
    for await (const entry of readChunkEntries(store, manifest)) {
      for await (const batch of readChunk(store, entry, manifest.schema))
        found.push(...batch.map(({ canonical, expiresAt }) => `${canonical.toString()} ${expiresAt}`));
    }
    // What had expired by then is not in it.
    const expected = (await readFile(join(FOLDER, 'expected.jsonl'), 'utf8')).split('\n').slice(0, -1);
    const alive = expected.map((line) => JSON.parse(line) as SampleItem).filter(({ expiresAt }) => expiresAt !== 1);
    expect(found.sort()).toEqual(
      alive.map(({ item, expiresAt }) => `${canonicalItem(parseItem(item)).toString()} ${expiresAt}`).sort(),
    );
  });

  it('into tables as they are', async () => {
    const database = await createTestDatabase();
    const backend = await createPostgresTableBackend({ connectionString: database.url });
    try {
      const manifest = await verifyArchive(store);
      const rows = { items: manifest.item_count, expiring: manifest.expiring_count };
      const build = await backend.native?.openBuild('demo', 'frozen', manifest.schema, rows);
      if (build === undefined) throw new Error('PostgreSQL has a format of its own');
      for await (const entry of readChunkEntries(store, manifest))
        await backend.native?.loadRows(build, {
          id: entry.name,
          file: await readNativeChunk(store, entry, manifest.schema),
        });
      await backend.sealBuild(build);
      await backend.publishBuild(build, 'Frozen', { mode: 'create' });
      // Keys as they are made today find the items of then.
      const ref = { projectId: 'demo', name: 'Frozen' };
      const digest = new TableDigest();
      const whole = { start: null, end: null, estimatedItems: 0 };
      for await (const block of backend.readRange(build, whole, { digestOnly: true })) digest.merge(block.digest);
      expect(digest.toJSON()).toEqual(manifest.buckets);
      for await (const entry of readChunkEntries(store, manifest)) {
        for await (const batch of readChunk(store, entry, manifest.schema))
          for (const { item, canonical } of batch) {
            const found = await backend.getItem(ref, item, { consistent: true });
            expect(found && canonicalItem(found.item).toString()).toBe(canonical.toString());
          }
      }
    } finally {
      await backend.close();
      await database.drop();
    }
  });
});
