import { ArchiveManifest, ChunkEntry, readNativeChunk } from '../../archive';
import { DomainError } from '../../kernel';
import { BuildHandle, NativeTables } from '../../tables';
import { LoadControl, RestoreContext } from './portable-restore';

/** The tables' own format. @throws DomainError ArchiveUnsupported if they have none */
function nativeOf({ backend }: RestoreContext): NativeTables {
  if (backend.native === undefined)
    throw new DomainError('ArchiveUnsupported', 'these tables have no format of their own');
  return backend.native;
}

/** The archive may have been changed since the restore was asked for. @throws DomainError ArchiveUnsupported */
export function checkSameFormat(context: RestoreContext, manifest: ArchiveManifest): void {
  if (manifest.native?.format !== nativeOf(context).format)
    throw new DomainError('ArchiveUnsupported', 'the rows of the backup are not of the layout of these tables');
}

/** Begins a build for the rows of a backup. */
export function openNativeBuild(
  context: RestoreContext,
  projectId: string,
  buildId: string,
  manifest: ArchiveManifest,
): Promise<BuildHandle> {
  const rows = { items: manifest.item_count, expiring: manifest.expiring_count };
  return nativeOf(context).openBuild(projectId, buildId, manifest.schema, rows);
}

/** Loads one chunk, once and only once: its bytes and frames are proved, what its rows say is not looked at. */
export async function loadNativeChunk(
  context: RestoreContext,
  entry: ChunkEntry,
  build: BuildHandle,
  control: LoadControl,
): Promise<void> {
  const file = await readNativeChunk(context.store, entry, build.schema, control.signal);
  await control.throttle({ bytes: file.length, items: entry.items });
  control.signal.throwIfAborted();
  await nativeOf(context).loadRows(build, { id: entry.name, file }, control.signal);
  context.failPoint('restore.native.after-rows');
}

/** The build must hold as many rows as the backup has items. @throws DomainError VerificationFailed */
export async function checkCounted(
  context: RestoreContext,
  manifest: ArchiveManifest,
  build: BuildHandle,
): Promise<void> {
  const rows = await nativeOf(context).countRows(build);
  if (rows === manifest.item_count) return;
  throw new DomainError(
    'VerificationFailed',
    `the restored table differs from the backup: ${rows} items instead of ${manifest.item_count}`,
  );
}
