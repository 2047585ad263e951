import { DomainError, TableDigest, TableSchema, digestFromHex, digestHex, parseBoundedJson } from '../kernel';
import { ArchiveStore, damaged, readObject } from './archive-store';
import { ChunkEntry, chunkEntryFromJson, readChunk } from './chunk';
import { ArchiveManifest, ChunkListEntry, MAX_LIST_ENTRIES, MAX_MANIFEST_BYTES, decodeManifest } from './manifest';
import { MANIFEST_NAME, parseChunkName, sha256Hex } from './object-names';

/** Bytes of one line of a chunk list, its `\n` not counted. */
const MAX_ENTRY_BYTES = 1024;
const MAX_LIST_BYTES = MAX_LIST_ENTRIES * (MAX_ENTRY_BYTES + 1);
const MAX_ENTRY_DEPTH = 8;

/**
 * The manifest of a finished backup, read and checked.
 * @throws DomainError BackupNotExists if there is none; ArchiveDamaged; ArchiveUnsupported
 */
export async function readManifest(store: ArchiveStore, signal?: AbortSignal): Promise<ArchiveManifest> {
  const bytes = await readObject(store, MANIFEST_NAME, MAX_MANIFEST_BYTES, signal);
  if (bytes === undefined) throw new DomainError('BackupNotExists', 'there is no finished backup at this location');
  return decodeManifest(bytes);
}

/**
 * Every chunk of the archive, list by list. Read it to its end: only then is it sure that the lists add up to the manifest.
 * @throws DomainError ArchiveDamaged naming the list, or the manifest if they do not add up
 */
export async function* readChunkEntries(
  store: ArchiveStore,
  manifest: ArchiveManifest,
  signal?: AbortSignal,
): AsyncGenerator<ChunkEntry> {
  const sums = new EntrySums(manifest);
  for (const list of manifest.chunk_lists) {
    for (const entry of await readList(store, manifest, list, signal)) {
      sums.add(entry, list.name);
      yield entry;
    }
  }
  sums.check();
}

/**
 * Reads the whole archive and recomputes every digest: objects, chunks, ranges, buckets.
 * @param onChunk called after each chunk, for progress
 * @throws DomainError as the other readers
 */
export async function verifyArchive(
  store: ArchiveStore,
  options: { readonly signal?: AbortSignal; readonly onChunk?: (entry: ChunkEntry) => void } = {},
): Promise<ArchiveManifest> {
  const manifest = await readManifest(store, options.signal);
  const digest = new TableDigest();
  for await (const entry of readChunkEntries(store, manifest, options.signal)) {
    digest.merge(await digestChunk(store, entry, manifest.schema, options));
    options.onChunk?.(entry);
  }
  checkBuckets(manifest, digest);
  return manifest;
}

/**
 * Reads a chunk and proves it; gives the digest of its items.
 * @param onBatch awaited for each batch of items, so that a reader can be slowed down
 * @throws DomainError ArchiveDamaged naming the chunk
 */
export async function digestChunk(
  store: ArchiveStore,
  entry: ChunkEntry,
  schema: TableSchema,
  options: {
    readonly signal?: AbortSignal;
    readonly onBatch?: (amount: { items: number; bytes: number }) => Promise<void>;
  } = {},
): Promise<TableDigest> {
  const digest = new TableDigest();
  for await (const batch of readChunk(store, entry, schema, options.signal, digest)) {
    const bytes = batch.reduce((sum, item) => sum + item.canonical.length, 0);
    await options.onBatch?.({ items: batch.length, bytes });
  }
  return digest;
}

/**
 * All items that were read must be those that the manifest counts, bucket by bucket.
 * @throws DomainError ArchiveDamaged
 */
export function checkBuckets(manifest: ArchiveManifest, found: TableDigest): void {
  const differing = found.differingBuckets(TableDigest.fromJSON(manifest.buckets));
  if (differing.length > 0)
    throw damaged(MANIFEST_NAME, `differs from the items in ${differing.length} of its buckets`);
}

async function readList(
  store: ArchiveStore,
  manifest: ArchiveManifest,
  list: ChunkListEntry,
  signal?: AbortSignal,
): Promise<ChunkEntry[]> {
  const bytes = await readObject(store, list.name, Math.min(list.size, MAX_LIST_BYTES), signal);
  if (bytes === undefined) throw damaged(list.name, 'is missing');
  if (bytes.length !== list.size) throw damaged(list.name, 'is damaged: its size differs');
  if (sha256Hex(bytes) !== list.sha256) throw damaged(list.name, 'is damaged: its SHA-256 differs');
  const lines = bytes.toString('utf8').split('\n');
  if (lines.pop() !== '') throw damaged(list.name, 'is damaged: its last line has no end');
  if (lines.length !== list.chunks) throw damaged(list.name, 'is damaged: its number of chunks differs');
  return lines.map((line, index) => readEntry(manifest, line, `${list.name} line ${index + 1}`));
}

function readEntry(manifest: ArchiveManifest, line: string, object: string): ChunkEntry {
  if (line.length > MAX_ENTRY_BYTES) throw damaged(object, 'is too long');
  const entry = chunkEntryFromJson(parseLine(line, object), object);
  const named = parseChunkName(entry.name);
  if (named?.compression !== manifest.compression) {
    throw damaged(object, 'is damaged: the chunk is not compressed as the manifest says');
  }
  if ((named.contents === 'pgcopy') !== (manifest.data_format === 'native')) {
    throw damaged(object, 'is damaged: the chunk is not of the format that the manifest says');
  }
  return entry;
}

function parseLine(line: string, object: string): unknown {
  try {
    return parseBoundedJson(line, MAX_ENTRY_DEPTH);
  } catch (error) {
    if (error instanceof DomainError) throw damaged(object, `is damaged: ${error.message}`);
    throw error;
  }
}

/** Adds up entries, to be compared with what the manifest says. */
class EntrySums {
  private readonly ranges: { items: number; digest: bigint; chunks: number }[];
  private items = 0;
  private expiring = 0;
  private rawBytes = 0;
  private storedBytes = 0;

  constructor(private readonly manifest: ArchiveManifest) {
    this.ranges = manifest.ranges.map(() => ({ items: 0, digest: 0n, chunks: 0 }));
  }

  add(entry: ChunkEntry, list: string): void {
    const range = this.ranges[entry.range];
    if (range === undefined) throw damaged(list, `is damaged: ${entry.name} is of no range of the manifest`);
    range.items += entry.items;
    range.digest += digestFromHex(entry.digest) ?? 0n;
    range.chunks++;
    this.items += entry.items;
    this.expiring += entry.expiring;
    this.rawBytes += entry.raw_bytes;
    this.storedBytes += entry.stored_bytes;
  }

  check(): void {
    const { manifest } = this;
    const totals =
      this.items === manifest.item_count &&
      this.expiring === manifest.expiring_count &&
      this.rawBytes === manifest.table_size_bytes &&
      this.storedBytes === manifest.size_bytes;
    if (!totals) throw damaged(MANIFEST_NAME, 'is damaged: its counts differ from those of its chunk lists');
    manifest.ranges.forEach((expected, index) => {
      const found = this.ranges[index];
      const same =
        found?.items === expected.items &&
        found.chunks === expected.chunks &&
        digestHex(found.digest) === expected.digest;
      if (!same) throw damaged(MANIFEST_NAME, `is damaged: range ${index} differs from its chunks`);
    });
  }
}
