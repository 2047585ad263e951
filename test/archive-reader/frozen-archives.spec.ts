import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMPRESSIONS, readChunk, readChunkEntries, verifyArchive } from '../../src/archive';
import { DecodedItem, canonicalItem, parseItem, sameStructure } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { SampleItem, sampleSchema } from '../fakes/sample-archive';

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
