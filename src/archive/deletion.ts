import { isDomainError } from '../kernel';
import { ArchiveStore, putBytes, readObject } from './archive-store';
import { MAX_LIST_ENTRIES, MAX_MANIFEST_BYTES } from './manifest';
import { DELETED_NAME, MANIFEST_NAME, STARTED_NAME, isArchiveName } from './object-names';

/** Deletions under way at once: a network store takes its time for each. */
const PARALLEL = 8;
const MAX_LIST_BYTES = MAX_LIST_ENTRIES * 1025;
const LISTS = /lists\/[0-9a-f]{64}\.jsonl/g;
const CHUNKS = /chunks\/[0-9a-f]{64}\.(?:jsonl|pgcopy)(?:\.zst|\.gz)?/g;

export interface DeleteOptions {
  readonly signal?: AbortSignal;
  /** Names that the writer recorded before it wrote them: all there is to go by for an archive that never got its manifest. */
  readonly names?: readonly string[];
  /** Called after each object that is gone. */
  readonly onDeleted?: (name: string) => void;
}

/**
 * Deletes an archive: finished, half written, half deleted or damaged. It stops being a backup with its first step, and may be called
 * again after a crash at any point (docs/archive-format.md, "Deletion"). On a full store its manifest goes last instead of first.
 */
export async function deleteArchive(store: ArchiveStore, options: DeleteOptions = {}): Promise<void> {
  const remove = async (names: Iterable<string>): Promise<void> => {
    const queue = [...names];
    for (let at = 0; at < queue.length; at += PARALLEL) {
      options.signal?.throwIfAborted();
      await Promise.all(
        queue.slice(at, at + PARALLEL).map(async (name) => {
          await store.delete(name, options.signal);
          options.onDeleted?.(name);
        }),
      );
    }
  };
  const { manifest, copied } = await tombstone(store, options.signal);
  if (copied) await remove([MANIFEST_NAME]);
  for (const list of namesIn(manifest, LISTS)) {
    await remove(await chunksOfList(store, list, options.signal));
    await remove([list]);
  }
  await remove(await leftovers(store, options));
  if (!copied) await remove([MANIFEST_NAME]);
  await remove([STARTED_NAME]);
  await remove([DELETED_NAME]);
}

/**
 * The names of all objects of an archive, chunks before their list, as its manifest (or, while it is deleted, the copy of it) tells.
 * Nothing if there is neither.
 */
export async function* archiveObjectNames(store: ArchiveStore, signal?: AbortSignal): AsyncGenerator<string> {
  const manifest = await readObject(store, MANIFEST_NAME, MAX_MANIFEST_BYTES, signal);
  const tombstoned = manifest ?? (await readObject(store, DELETED_NAME, MAX_MANIFEST_BYTES, signal));
  if (tombstoned === undefined) return;
  for (const list of namesIn(tombstoned, LISTS)) {
    yield* await chunksOfList(store, list, signal);
    yield list;
  }
  yield STARTED_NAME;
  yield manifest === undefined ? DELETED_NAME : MANIFEST_NAME;
}

/**
 * Puts the manifest's copy where no reader looks; gives its bytes, or those of the copy that an earlier try has put. A full store has no
 * room for a copy, and may be what the deletion is for: then the manifest stays until all that it names is gone.
 */
async function tombstone(
  store: ArchiveStore,
  signal?: AbortSignal,
): Promise<{ manifest: Buffer | undefined; copied: boolean }> {
  const manifest = await readBounded(store, MANIFEST_NAME, MAX_MANIFEST_BYTES, signal);
  if (manifest === undefined) {
    return { manifest: await readBounded(store, DELETED_NAME, MAX_MANIFEST_BYTES, signal), copied: true };
  }
  try {
    await putBytes(store, DELETED_NAME, manifest, signal);
    return { manifest, copied: true };
  } catch (error) {
    if (!isDomainError(error, 'StorageFull')) throw error;
    return { manifest, copied: false };
  }
}

/** A missing list was deleted after its chunks, so there is nothing left to name. */
async function chunksOfList(store: ArchiveStore, list: string, signal?: AbortSignal): Promise<Set<string>> {
  return namesIn(await readBounded(store, list, MAX_LIST_BYTES, signal), CHUNKS);
}

/** What no list names: recorded by the writer, or seen by a listing (a hint, good for damaged archives). */
async function leftovers(store: ArchiveStore, options: DeleteOptions): Promise<Set<string>> {
  const found = new Set((options.names ?? []).filter(isArchiveName));
  for (const prefix of ['chunks/', 'lists/']) {
    for await (const name of store.list(prefix, options.signal)) if (isArchiveName(name)) found.add(name);
  }
  for (const last of [MANIFEST_NAME, STARTED_NAME, DELETED_NAME]) found.delete(last);
  return found;
}

/** Found by pattern, not by parsing: a damaged archive must be deletable too, as far as its names can still be read. */
function namesIn(bytes: Buffer | undefined, pattern: RegExp): Set<string> {
  return new Set(bytes?.toString('latin1').match(pattern) ?? []);
}

/** Too long an object is no list and no manifest: it names nothing. */
async function readBounded(
  store: ArchiveStore,
  name: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Buffer | undefined> {
  try {
    return await readObject(store, name, maxBytes, signal);
  } catch (error) {
    if (isDomainError(error, 'ArchiveDamaged')) return Buffer.alloc(0);
    throw error;
  }
}
