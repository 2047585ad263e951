import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  COMPRESSIONS,
  Compression,
  deleteArchive,
  readChunk,
  readChunkEntries,
  readManifest,
  verifyArchive,
} from '../../src/archive';
import { DomainError } from '../../src/kernel';
import { MapArchiveStore } from '../fakes/map-archive-store';
import { writeSampleArchive } from '../fakes/sample-archive';
import {
  Loose,
  editManifest,
  entriesOf,
  forgeChunkBytes,
  forgeChunkLines,
  forgeList,
  manifestOf,
} from '../fakes/tampering';

/** More of them: FUZZ_RUNS=100000. A failure prints its seed. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 600);
/** What a reader may say of a hostile archive. Anything else (a TypeError, a RangeError, …) is a defect. */
const HONEST = ['ArchiveDamaged', 'ArchiveUnsupported', 'BackupNotExists'];

const whole = new Map<Compression, { store: MapArchiveStore; items: string }>();

beforeAll(async () => {
  for (const compression of COMPRESSIONS) {
    const store = new MapArchiveStore();
    await writeSampleArchive(store, { compression });
    whole.set(compression, { store, items: await contentOf(store) });
  }
});

function sample(compression: Compression): { store: MapArchiveStore; items: string } {
  const found = whole.get(compression);
  if (found === undefined) throw new Error('no sample');
  return { store: found.store.copy(), items: found.items };
}

/** Every item of the archive, in a fixed order. */
async function contentOf(store: MapArchiveStore): Promise<string> {
  const manifest = await readManifest(store);
  const items: string[] = [];
  for await (const entry of readChunkEntries(store, manifest)) {
    for await (const batch of readChunk(store, entry, manifest.schema))
      items.push(...batch.map((item) => item.canonical.toString()));
  }
  return items.sort().join('\n');
}

/** Refused honestly, or accepted with the very same items; and in any case it can be deleted. Gives what it was refused with. */
async function judge({ store, items }: { store: MapArchiveStore; items: string }): Promise<string | undefined> {
  try {
    await verifyArchive(store);
    expect(await contentOf(store)).toBe(items);
    return undefined;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    expect(HONEST).toContain(error.code);
    return error.code;
  } finally {
    await deleteArchive(store);
    expect(store.objects.has('manifest.json')).toBe(false);
  }
}

const anyCompression = fc.constantFrom(...COMPRESSIONS);

/** JSON with a liking for what readers choke on. */
const anyJson = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    null, -1, 0, 1, 1.5, 2 ** 53, 1e308, '', '0', '..', '../../etc/passwd', '/', 'chunks/../manifest.json', '\u0000', '😀', [], {}, [[]],
    'constructor', '__proto__', '0'.repeat(64), 'a'.repeat(2000), Array.from({ length: 300 }, () => 0), { __proto__: null, length: 5 },
  ), // prettier-ignore
);

/** How bytes are changed: bits flipped, pieces cut out, doubled or replaced. */
const anyEdit = fc.record({
  at: fc.nat(),
  remove: fc.oneof(fc.constant(0), fc.nat({ max: 20 }), fc.nat()),
  insert: fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constantFrom('{', '[', '"', ',', '\n', ':', '0', '\\u0000', '}').map((text) => Buffer.from(text))),
  flip: fc.nat({ max: 255 }),
}); // prettier-ignore

function edited(
  bytes: Buffer,
  edits: readonly { at: number; remove: number; insert: Uint8Array; flip: number }[],
): Buffer {
  let result = Buffer.from(bytes);
  for (const { at, remove, insert, flip } of edits) {
    const start = result.length === 0 ? 0 : at % result.length;
    const rest = Buffer.from(result.subarray(start + (remove % (result.length + 1))));
    if (rest.length > 0) rest[0] = (rest[0] ?? 0) ^ flip;
    result = Buffer.concat([result.subarray(0, start), insert, rest]);
  }
  return result;
}

/** Replaces one member somewhere in a JSON value, adds one, or takes one away. */
function mutated(json: unknown, path: readonly number[], value: unknown): unknown {
  const [step = 0, ...rest] = path;
  if (typeof json !== 'object' || json === null || path.length === 0) return value;
  const keys = Object.keys(json);
  const key = keys[step % (keys.length + 1)];
  if (Array.isArray(json)) {
    const copy = [...(json as unknown[])];
    if (key === undefined) copy.push(value);
    else copy[Number(key)] = mutated(copy[Number(key)], rest, value);
    return copy;
  }
  const copy: Loose = { ...json };
  if (key === undefined) delete copy[keys[0] ?? ''];
  else copy[key] = mutated(copy[key], rest, value);
  return copy;
}

const anyPath = fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 4 });

describe('a hostile archive is refused honestly, and never taken for another content', () => {
  it('bytes of any objects changed, objects swapped or lost', async () => {
    const change = fc.record({
      target: fc.nat(),
      other: fc.nat(),
      how: fc.constantFrom('edit', 'swap', 'lose'),
      edits: fc.array(anyEdit, { minLength: 1, maxLength: 3 }),
    });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        anyCompression,
        fc.array(change, { minLength: 1, maxLength: 2 }),
        async (compression, changes) => {
          const archive = sample(compression);
          const { objects } = archive.store;
          for (const { target, other, how, edits } of changes) {
            const names = [...objects.keys()];
            const [name, second] = [names[target % names.length] ?? '', names[other % names.length] ?? ''];
            const [body, secondBody] = [objects.get(name), objects.get(second)];
            if (body === undefined || secondBody === undefined) continue;
            if (how === 'lose') objects.delete(name);
            else if (how === 'swap') objects.set(name, secondBody).set(second, body);
            else objects.set(name, edited(body, edits));
          }
          if ((await judge(archive)) !== undefined) refused++;
        },
      ),
      { numRuns: RUNS },
    );
    expect(refused).toBeGreaterThan(RUNS / 2);
  });

  it('the manifest rewritten, its digest right', async () => {
    await fc.assert(
      fc.asyncProperty(anyCompression, anyPath, anyJson, async (compression, path, value) => {
        const archive = sample(compression);
        editManifest(archive.store, (manifest) => {
          const changed = mutated(manifest, path, value);
          for (const key of Object.keys(manifest)) delete manifest[key];
          Object.assign(manifest, changed);
        });
        await judge(archive);
      }),
      { numRuns: RUNS },
    );
  });

  it('a chunk list rewritten, all digests above right', async () => {
    await fc.assert(
      fc.asyncProperty(anyCompression, fc.nat(), anyPath, anyJson, fc.array(anyEdit, { maxLength: 1 }), async (compression, at, path, value, edits) => {
        const archive = sample(compression);
        const lines = entriesOf(archive.store).map((entry, index, all) =>
          index === at % all.length ? JSON.stringify(mutated(entry, path.slice(0, 1), value)) : JSON.stringify(entry),
        );
        forgeList(archive.store, lines.map((line) => edited(Buffer.from(line), edits).toString('latin1')));
        await judge(archive);
      }),
      { numRuns: RUNS },
    ); // prettier-ignore
  });

  it('the lines of a chunk rewritten, all digests of objects right', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyCompression,
        fc.array(anyEdit, { minLength: 1, maxLength: 3 }),
        async (compression, edits) => {
          const archive = sample(compression);
          const plain = sample('none').store;
          const lines = plain.objects.get(entriesOf(plain)[0]?.name ?? '') ?? Buffer.alloc(0);
          await forgeChunkLines(archive.store, edited(lines, edits));
          await judge(archive);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('the compressed bytes of a chunk rewritten, all digests of objects right', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<Compression>('zstd', 'gzip'),
        fc.array(anyEdit, { minLength: 1, maxLength: 3 }),
        async (compression, edits) => {
          const archive = sample(compression);
          const entry = entriesOf(archive.store)[0];
          if (entry === undefined) throw new Error('no chunk');
          const body = edited(archive.store.objects.get(entry.name) ?? Buffer.alloc(0), edits);
          forgeChunkBytes(archive.store, body, entry.raw_bytes, compression === 'zstd' ? '.jsonl.zst' : '.jsonl.gz');
          await judge(archive);
        },
      ),
      { numRuns: RUNS },
    );
  });
});

describe('bombs', () => {
  const deep = (levels: number, open: string, close: string) => Buffer.from(open.repeat(levels) + close.repeat(levels));

  it.each<[string, (store: MapArchiveStore) => void | Promise<void>]>([
    ['a manifest nested a million deep', (store) => void store.objects.set('manifest.json', deep(1_000_000, '[', ']'))],
    ['a manifest of objects nested deep', (store) => void store.objects.set('manifest.json', deep(1_000_000, '{"":', '}'))],
    ['a manifest of 20 MiB', (store) => void store.objects.set('manifest.json', Buffer.alloc(20_000_000, ' '))],
    ['a strategy nested deep', (store) => editManifest(store, (manifest) => (manifest['strategy'] = nested(50)))],
    ['a million ranges', (store) => editManifest(store, (manifest) => (manifest['ranges'] = new Array(100_000).fill({})))],
    ['a million lists', (store) => editManifest(store, (manifest) => (manifest['chunk_lists'] = new Array(100_000).fill({})))],
    ['huge counts', (store) => editManifest(store, (manifest) => (manifest['item_count'] = 2 ** 53))],
    ['a list that says that it is huge', (store) => editManifest(store, (manifest) => sizeOfLists(manifest, 2 ** 50))],
    ['a list with a line of 100 KiB', (store) => forgeList(store, [JSON.stringify({ ...entriesOf(store)[0], more: 'x'.repeat(100_000) })])],
    ['a list with a line nested deep', (store) => forgeList(store, [deep(500, '[', ']').toString()])],
    ['a chunk that says that it is huge', (store) => forgeList(store, [JSON.stringify({ ...entriesOf(store)[0], raw_bytes: 2 ** 40 })])],
    ['a zstd bomb', (store) => forgeChunkBytes(store, zstdBomb(100_000), 5000, '.jsonl.zst')],
    ['a zstd bomb that owns up to 64 MiB', (store) => forgeChunkBytes(store, zstdBomb(512), 64 * 1024 * 1024, '.jsonl.zst')],
    ['a gzip bomb', (store) => gzipBomb(store)],
    ['a line nested deep', (store) => forgeChunkLines(store, Buffer.concat([Buffer.from('{"Item":'), deep(1_000_000, '[', ']'), Buffer.from('}\n')]))],
    ['a line of objects nested deep', (store) => forgeChunkLines(store, Buffer.concat([Buffer.from('{"Item":'), deep(500_000, '{"a":', '}'), Buffer.from('}\n')]))],
    ['a line of 60 MiB', (store) => forgeChunkLines(store, Buffer.from(`{"Item":{"city":{"S":"${'x'.repeat(60 * 1024 * 1024)}"}}}\n`))],
    ['60 million empty lines', (store) => forgeChunkLines(store, Buffer.alloc(60_000_000, '\n'))],
    ['a number of a million digits', (store) => forgeChunkLines(store, Buffer.from(`{"Item":{"city":{"S":"x"},"rank":{"N":"0.${'1'.repeat(1_000_000)}"}}}\n`))],
  ])('%s is refused', async (_what, arm) => {
    const archive = sample('zstd');
    await arm(archive.store);
    expect(await judge(archive)).toBe('ArchiveDamaged');
  }); // prettier-ignore

  function nested(levels: number): unknown {
    return levels === 0 ? 1 : { deeper: nested(levels - 1) };
  }

  function sizeOfLists(manifest: Loose, size: number): void {
    for (const list of manifest['chunk_lists'] as Loose[]) list['size'] = size;
  }

  /** So many blocks of 128 KiB of one letter: 4 bytes each. */
  function zstdBomb(blocks: number): Buffer {
    const block = (last: boolean) => {
      const bytes = Buffer.from([0, 0, 0, 0x61]);
      bytes.writeUIntLE(((128 * 1024) << 3) | 2 | (last ? 1 : 0), 0, 3);
      return bytes;
    };
    const header = Buffer.from('28b52ffd0058', 'hex');
    return Buffer.concat([header, ...Array.from({ length: blocks }, (_, index) => block(index === blocks - 1))]);
  }

  function gzipBomb(store: MapArchiveStore): void {
    editManifest(store, (manifest) => {
      manifest['compression'] = 'gzip';
      manifest['requires'] = ['gzip'];
    });
    expect(manifestOf(store)['compression']).toBe('gzip');
    forgeChunkBytes(store, gzipSync(Buffer.alloc(60_000_000)), 5000, '.jsonl.gz');
    const [bomb] = entriesOf(store);
    forgeList(store, [JSON.stringify(bomb)]);
  }
});
