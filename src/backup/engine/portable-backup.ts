import {
  ArchiveManifest,
  ChunkEntry,
  Compression,
  ManifestDraft,
  RangeSummary,
  deleteArchive,
  encodeChunk,
  STARTED_NAME,
  readManifest,
  writeManifest,
  writeStarted,
} from '../../archive';
import { DomainError, ItemBlock, TableDigest, TableRef, digestHex, isDomainError } from '../../kernel';
import { bufferSource, ObjectStore } from '../../storage';
import { KeyRange, TableBackend, TableHandle } from '../../tables';
import { BackupLedger, CopyProgress } from './backup-ledger';
import { gatherChunks } from './chunk-gatherer';
import { recordingStore } from './recording-store';

/** What every stage of one portable backup works with. */
export interface BackupContext {
  readonly backend: TableBackend;
  readonly store: ObjectStore;
  readonly ledger: BackupLedger;
  /** Named points where tests kill the process. */
  readonly failPoint: (name: string) => void;
}

/** Which table, and which content of it. */
export interface BackupTarget {
  readonly ref: TableRef;
  readonly tableId: string;
  readonly generation: string;
}

export interface SplitPolicy {
  /** Aim at about so many stored bytes a range. */
  readonly targetBytes: number;
  readonly maxRanges: number;
}

/** A chunk's lines, before and after compression. */
export interface ChunkFormat {
  readonly compression: Compression;
  /** Aim at about so many bytes of lines a chunk. */
  readonly chunkBytes: number;
}

/** A chunk exceeds its size by a block at most. */
const MAX_BLOCK_BYTES = 1024 * 1024;

/** Fails with `TableChanged` unless the table still is the content that was asked for. */
export async function openSameContent(backend: TableBackend, target: BackupTarget): Promise<TableHandle> {
  try {
    const handle = await backend.openTable(target.ref);
    if (handle.tableId === target.tableId && handle.generation === target.generation) return handle;
  } catch (error) {
    if (!isDomainError(error, 'TableNotExistsException')) throw error;
  }
  throw new DomainError('TableChanged', `table '${target.ref.name}' was dropped or replaced during its backup`);
}

/** Marks the location as begun. */
export async function startBackup(
  context: BackupContext,
  target: BackupTarget,
  started: { backupId: string; startedAt: number },
): Promise<TableHandle> {
  const handle = await openSameContent(context.backend, target);
  await writeStarted(recordingStore(context.store, context.ledger), started);
  context.failPoint('backup.plan.after-started');
  return handle;
}

/** Marks the location as begun and cuts the table into ranges. */
export async function planBackup(
  context: BackupContext,
  target: BackupTarget,
  started: { backupId: string; startedAt: number },
  split: SplitPolicy,
): Promise<{ handle: TableHandle; ranges: KeyRange[] }> {
  const handle = await startBackup(context, target, started);
  const ranges = await context.backend.splitRanges(handle, split);
  return { handle, ranges };
}

/** Copies one range, chunk by chunk: intent, data, commit. Goes on behind the last committed chunk. */
export async function copyRange(
  context: BackupContext,
  range: { handle: TableHandle; range: KeyRange; index: number },
  format: ChunkFormat,
  progress: CopyProgress,
): Promise<void> {
  const { cursor: after, signal, pace } = progress;
  const blockBytes = Math.min(format.chunkBytes, MAX_BLOCK_BYTES, pace.requestBytes ?? MAX_BLOCK_BYTES);
  const blocks = context.backend.readRange(range.handle, range.range, { after, signal, blockBytes, reuseMemory: true, pace });
  await storeChunks(context, blocks, range.index, { ...format, encode: encodeChunk }, progress);
}

/** Makes chunks of the blocks of a range and stores them: intent, data, commit. */
export async function storeChunks(
  context: BackupContext,
  blocks: AsyncIterable<ItemBlock>,
  rangeIndex: number,
  format: ChunkFormat & { readonly encode: typeof encodeChunk },
  progress: Omit<CopyProgress, 'cursor' | 'pace'>,
): Promise<void> {
  const chunks = gatherChunks(blocks, format.chunkBytes, (block) =>
    progress.throttle({ bytes: block.lines.length, items: block.itemCount }),
  );
  const store = recordingStore(context.store, context.ledger);
  for await (const chunk of chunks) {
    progress.signal.throwIfAborted();
    if (chunk.itemCount === 0) continue;
    const encoded = await format.encode([chunk.lines], format.compression);
    context.failPoint('backup.copy.before-put');
    await store.put(encoded.name, bufferSource(encoded.body), progress.signal);
    context.failPoint('backup.copy.after-put');
    const entry: ChunkEntry = {
      name: encoded.name,
      sha256: encoded.sha256,
      stored_bytes: encoded.body.length,
      raw_bytes: encoded.rawBytes,
      items: chunk.itemCount,
      expiring: chunk.expiringCount,
      digest: digestHex(chunk.digest.total().sum),
      range: rangeIndex,
    };
    await progress.commitChunk({ entry, rangeIndex, digest: chunk.digest }, chunk.cursor);
    context.failPoint('backup.copy.after-commit');
  }
}

/** Everything about the backup that the manifest says and that the ledger does not know. */
export type ManifestFacts = Omit<ManifestDraft, keyof LedgerTotals>;

/** What the ledger adds up to. */
export type LedgerTotals = Pick<ManifestDraft, 'buckets' | 'item_count' | 'expiring_count' | 'table_size_bytes' | 'size_bytes' | 'ranges'>;

/** Writes the manifest, last of all. Run again after a crash it keeps the manifest that is there. */
export async function sealBackup(
  context: BackupContext,
  target: BackupTarget,
  rangeCount: number,
  facts: ManifestFacts,
  signal: AbortSignal,
): Promise<ArchiveManifest> {
  await openSameContent(context.backend, target);
  await removeStrays(context, signal);
  const there = await readManifestIfThere(context.store);
  if (there !== undefined) return there;
  await checkStillThere(context.store);
  const totals = await addUp(context.ledger, rangeCount);
  context.failPoint('backup.seal.before-manifest');
  const store = recordingStore(context.store, context.ledger);
  await writeManifest(store, { ...facts, ...totals }, entriesOf(context.ledger));
  context.failPoint('backup.seal.after-manifest');
  // What a restore would read is what counts: read it back.
  return readManifest(context.store);
}

/** Removes every object that this backup may have stored. Safe to run again. */
export async function abandonBackup(context: BackupContext, signal: AbortSignal): Promise<void> {
  const names = await context.ledger.names();
  await deleteArchive(context.store, { signal, names, onDeleted: () => context.failPoint('backup.cleanup.after-delete') });
}

/** Objects that were intended but never committed (a crash between put and commit) belong to nobody. */
async function removeStrays(context: BackupContext, signal: AbortSignal): Promise<void> {
  const committed = new Set<string>();
  for await (const chunk of context.ledger.chunks()) committed.add(chunk.entry.name);
  for (const name of await context.ledger.names()) {
    if (!name.startsWith('chunks/') || committed.has(name)) continue;
    await context.store.delete(name, signal);
    await context.ledger.forget(name);
  }
}

/** A store that makes folders or containers as they are needed would let a backup end whose beginning was deleted under it. */
async function checkStillThere(store: ObjectStore): Promise<void> {
  if ((await store.head(STARTED_NAME)) !== undefined) return;
  throw new DomainError('StorageError', 'what the backup had stored is gone: its folder or container was deleted while it was being made');
}

async function readManifestIfThere(store: ObjectStore): Promise<ArchiveManifest | undefined> {
  return (await store.head('manifest.json')) === undefined ? undefined : readManifest(store);
}

async function* entriesOf(ledger: BackupLedger): AsyncGenerator<ChunkEntry> {
  for await (const chunk of ledger.chunks()) yield chunk.entry;
}

async function addUp(ledger: BackupLedger, rangeCount: number): Promise<LedgerTotals> {
  const table = new TableDigest();
  const ranges: { digest: TableDigest; chunks: number }[] = Array.from({ length: rangeCount }, () => ({ digest: new TableDigest(), chunks: 0 }));
  let expiring = 0;
  let rawBytes = 0;
  let storedBytes = 0;
  for await (const { entry, rangeIndex, digest } of ledger.chunks()) {
    table.merge(digest);
    const range = ranges[rangeIndex];
    if (range === undefined) throw new DomainError('InternalError', `chunk of unknown range ${rangeIndex}`);
    range.digest.merge(digest);
    range.chunks += 1;
    expiring += entry.expiring;
    rawBytes += entry.raw_bytes;
    storedBytes += entry.stored_bytes;
  }
  return {
    buckets: table.toJSON(),
    item_count: table.itemCount,
    expiring_count: expiring,
    table_size_bytes: rawBytes,
    size_bytes: storedBytes,
    ranges: ranges.map(({ digest, chunks }): RangeSummary => ({ items: digest.itemCount, digest: digestHex(digest.total().sum), chunks })),
  };
}
