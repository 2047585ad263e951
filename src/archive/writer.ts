import { isoTime } from '../kernel';
import { ArchiveStore, putBytes } from './archive-store';
import { ChunkEntry } from './chunk';
import {
  ChunkListEntry,
  FORMAT_NAME,
  FORMAT_VERSION,
  MAX_LIST_ENTRIES,
  ManifestDraft,
  encodeManifest,
} from './manifest';
import { MANIFEST_NAME, STARTED_NAME, listName, sha256Hex } from './object-names';

/** Marks the location as begun. The same call again stores the same bytes. */
export async function writeStarted(
  store: ArchiveStore,
  /** `startedAt` in milliseconds since the epoch. */
  backup: { readonly backupId: string; readonly startedAt: number },
  signal?: AbortSignal,
): Promise<void> {
  const json = {
    format: FORMAT_NAME,
    format_version: FORMAT_VERSION,
    backup_id: backup.backupId,
    started_at: isoTime(backup.startedAt),
  };
  await putBytes(store, STARTED_NAME, Buffer.from(`${JSON.stringify(json, null, 1)}\n`, 'utf8'), signal);
}

/**
 * Writes the chunk lists, then, last of all, the manifest: from then on the backup exists. Holds one list in memory, however many
 * chunks there are. All chunks must be stored already.
 */
export async function writeManifest(
  store: ArchiveStore,
  draft: ManifestDraft,
  entries: AsyncIterable<ChunkEntry>,
  signal?: AbortSignal,
): Promise<void> {
  const lists: ChunkListEntry[] = [];
  let lines: string[] = [];
  const flush = async (): Promise<void> => {
    if (lines.length === 0) return;
    lists.push(await writeList(store, lines, signal));
    lines = [];
  };
  for await (const entry of entries) {
    lines.push(`${JSON.stringify(entry)}\n`);
    if (lines.length === MAX_LIST_ENTRIES) await flush();
  }
  await flush();
  await putBytes(store, MANIFEST_NAME, encodeManifest(draft, lists), signal);
}

async function writeList(store: ArchiveStore, lines: readonly string[], signal?: AbortSignal): Promise<ChunkListEntry> {
  const body = Buffer.from(lines.join(''), 'utf8');
  const sha256 = sha256Hex(body);
  const name = listName(sha256);
  await putBytes(store, name, body, signal);
  return { name, sha256, size: body.length, chunks: lines.length };
}
