import { ArchiveManifest, ChunkEntry, readChunk, readChunkEntries, readManifest } from '../../archive';
import { DecodedItem, DomainError, TableDigest, TableRef, TableSchema } from '../../kernel';
import { ObjectStore } from '../../storage';
import { BuildHandle, KeyRange, TableBackend, TableHandle } from '../../tables';
import { PartSelection } from './part';
import { Moment, PassingItems } from './passing-items';

/** What every stage of one portable restore works with. */
export interface RestoreContext {
  readonly backend: TableBackend;
  readonly store: ObjectStore;
  readonly failPoint: (name: string) => void;
  /** What of the archive is restored; absent: all of it. */
  readonly selection?: PartSelection;
}

/** A step's way to be slowed down and stopped. */
export interface LoadControl {
  readonly signal: AbortSignal;
  throttle(amount: { bytes: number; items: number }): Promise<void>;
}

/** Where items go: into a build that nobody sees (as one part of it), or, merging, into the live table. */
export type LoadTarget =
  | { readonly mode: 'build'; readonly build: BuildHandle; readonly part: string }
  | { readonly mode: 'merge'; readonly ref: TableRef; readonly handle: TableHandle; readonly writeTimeMicros: number };

/** What loading one chunk proved. */
export interface LoadProof {
  /** The items written, as they were written. */
  readonly loaded: TableDigest;
  /** Items left out since they had expired. */
  readonly skipped: TableDigest;
  /** Of a part only, which may write items without some attributes, or not at all: everything that was read. */
  readonly read?: TableDigest;
  /** Where expired items cannot be read any more: those of `loaded` that may be gone when they are verified. */
  readonly passing?: PassingItems;
}

/** Reads the manifest; a backup other than the expected one is an error (somebody moved archives about). */
export async function readArchive(store: ObjectStore, expectedBackupId: string | null): Promise<ArchiveManifest> {
  const manifest = await readManifest(store);
  if (expectedBackupId !== null && manifest.backup_id !== expectedBackupId) {
    throw new DomainError('ArchiveDamaged', `manifest.json is of another backup: ${manifest.backup_id}`);
  }
  return manifest;
}

/** All chunks of the archive, from its lists. */
export async function chunksOf(store: ObjectStore, manifest: ArchiveManifest): Promise<ChunkEntry[]> {
  const entries: ChunkEntry[] = [];
  for await (const entry of readChunkEntries(store, manifest)) entries.push(entry);
  return entries;
}

/** Loads one chunk. Safe to run again: the port's writes are idempotent. Every byte is checked before its items are written. */
export async function loadChunk(
  context: RestoreContext,
  schema: TableSchema,
  entry: ChunkEntry,
  target: LoadTarget,
  expiryCutoff: number,
  control: LoadControl,
): Promise<LoadProof> {
  const { backend } = context;
  const passes = target.mode === 'build' && !backend.capabilities.expiredItemsReadable;
  const chunk = new ChunkLoad(context, schema, entry, expiryCutoff, control.signal, passes);
  if (target.mode === 'build') {
    // For the whole chunk: no transaction of the backend is left open while a step waits for its turn.
    await control.throttle({ bytes: entry.raw_bytes, items: entry.items });
    await backend.loadItems(target.build, target.part, () => chunk.read(), { signal: control.signal });
  } else {
    const batches = chunk.read((amount) => control.throttle(amount));
    for await (const items of batches) await backend.mergeItems(target.ref, target.handle, items, target.writeTimeMicros);
  }
  return chunk.proof;
}

/** A chunk's items that are to be written, and what reading them to their end proves. */
export class ChunkLoad {
  proof: LoadProof = { loaded: new TableDigest(), skipped: new TableDigest() };

  constructor(
    private readonly context: RestoreContext,
    private readonly schema: TableSchema,
    private readonly entry: ChunkEntry,
    private readonly expiryCutoff: number,
    private readonly signal: AbortSignal,
    /** Are items to be watched that may be gone when they are verified? */
    private readonly passes = false,
  ) {}

  /** From the start each time. @param throttle awaited before each batch */
  async *read(throttle?: LoadControl['throttle']): AsyncGenerator<DecodedItem[]> {
    const { store, failPoint, selection } = this.context;
    const read = new TableDigest();
    const skipped = new TableDigest();
    const picked = new TableDigest();
    const passing = this.passes ? new PassingItems(this.expiryCutoff) : undefined;
    for await (const batch of readChunk(store, this.entry, this.schema, this.signal, read)) {
      this.signal.throwIfAborted();
      const alive = this.choose(batch, skipped, picked, passing);
      if (throttle) await throttle({ bytes: batch.reduce((sum, item) => sum + item.canonical.length, 0), items: batch.length });
      if (alive.length > 0) yield alive;
      failPoint('restore.load.after-batch');
    }
    const proof = selection ? { loaded: picked, skipped, read } : { loaded: difference(read, skipped), skipped };
    this.proof = passing ? { ...proof, passing } : proof;
  }

  /** The items that are to be written. Those of a part are digested one by one; otherwise they are all but the skipped ones. */
  private choose(batch: readonly DecodedItem[], skipped: TableDigest, picked: TableDigest, passing: PassingItems | undefined): DecodedItem[] {
    const { selection } = this.context;
    const alive: DecodedItem[] = [];
    for (const found of batch) {
      const item = selection ? selection.pick(found) : found;
      if (item === undefined) continue;
      const expired = item.expiresAt !== undefined && item.expiresAt <= this.expiryCutoff;
      if (expired) skipped.add(item.bucket, item.digest);
      else alive.push(passing ? passing.take(item) : item);
      if (selection && !expired) picked.add(item.bucket, item.digest);
    }
    return alive;
  }
}

function difference(all: TableDigest, part: TableDigest): TableDigest {
  const rest = new TableDigest();
  rest.merge(all);
  rest.subtract(part);
  return rest;
}

/** Reads one range of the build back and digests what is there. */
export async function digestRange(
  context: RestoreContext,
  build: BuildHandle,
  range: KeyRange,
  expiryCutoff: number,
  control: LoadControl,
): Promise<TableDigest> {
  const digest = new TableDigest();
  const blocks = context.backend.readRange(build, range, { digestOnly: true, expiryCutoff, signal: control.signal });
  for await (const block of blocks) {
    digest.merge(block.digest);
    await control.throttle({ bytes: 0, items: block.itemCount });
  }
  return digest;
}

/** Everything read from the archive must add up to what its manifest says. */
export function checkReadWhole(manifest: ArchiveManifest, proofs: LoadProof): void {
  checkEqual(TableDigest.fromJSON(manifest.buckets), readOf(proofs), 'the chunks that were read');
}

/** Everything that was read. */
export function readOf({ loaded, skipped, read }: LoadProof): TableDigest {
  if (read) return read;
  const sum = new TableDigest();
  sum.merge(loaded);
  sum.merge(skipped);
  return sum;
}

/** Everything found in the build must add up to what was loaded. @param passing of what was loaded, that may be gone; found is what lives longer than that moment */
export function checkBuiltWhole(loaded: TableDigest, found: TableDigest, passing?: { readonly items: PassingItems; readonly moment: Moment }): void {
  if (!passing) {
    checkEqual(loaded, found, BUILT);
    return;
  }
  const [expected, there] = [passing.items.restOf(loaded.total(), passing.moment), found.total()];
  if (expected.count !== there.count) throw unproved(`${BUILT} differ from the backup: ${there.count} items instead of ${expected.count}`);
  if (expected.sum !== there.sum) throw unproved(`${BUILT} differ from the backup: the digest of their ${there.count} items differs`);
}

const BUILT = 'the restored items';

function unproved(message: string): DomainError {
  return new DomainError('VerificationFailed', message);
}

function checkEqual(expected: TableDigest, found: TableDigest, what: string): void {
  if (expected.equals(found)) return;
  const buckets = expected.differingBuckets(found);
  throw unproved(
    `${what} differ from the backup: ${found.itemCount} items instead of ${expected.itemCount}, ${buckets.length} of 256 hash buckets differ (the first: ${buckets[0]})`,
  );
}
