import { BackupSource, DomainError, LocationUrl, backupRootOf, locationBelow, parseUuid, partsBelow, validationError } from '../kernel';
import type { BackupLocation } from './locations';
import { ObjectStore } from './object-store';
import type { OwnStore } from './own-store';

/** A place where a listing saw what backups leave. Its manifest, if there is one, says what it is. */
export interface FoundPlace {
  readonly location: BackupLocation;
  /** In the deployment's own store: whose folder it lies in. */
  readonly projectId: string | undefined;
  /** Was there a manifest? Else something began here and did not end, or is being deleted. */
  readonly finished: boolean;
}

/** What of a store is looked through: everything below `root`. */
export interface SearchedPlace {
  readonly type: 'internal' | 'external';
  readonly root: LocationUrl;
  /** Folders between the internal store and `root`. */
  readonly folders: readonly string[];
}

const MARKS = /^(?:(.*)\/)?(manifest|started|deleted)\.json$/;

/**
 * Every place below `searched.root` that a listing names, in order of their URLs. A listing is a hint: it may be late, and what lies there has to
 * be read. Memory grows with the number of backups, not of their objects.
 */
export async function placesIn(store: ObjectStore, searched: SearchedPlace, credentials: Pick<BackupLocation, 'credentials'>): Promise<FoundPlace[]> {
  const finished = new Map<string, boolean>();
  for await (const name of store.list('')) {
    const mark = MARKS.exec(name);
    if (mark === null) continue;
    const folder = mark[1] ?? '';
    finished.set(folder, finished.get(folder) === true || mark[2] === 'manifest');
  }
  const places: FoundPlace[] = [];
  for (const [folder, whole] of finished) {
    const parts = folder === '' ? [] : folder.split('/');
    const projectId = searched.type === 'internal' ? projectOf([...searched.folders, ...parts]) : undefined;
    // In the own store a backup has one place: anything else is no backup of ours.
    if (searched.type === 'internal' && projectId === undefined) continue;
    const { href: url } = locationBelow(searched.root, ...parts);
    places.push({ location: { type: searched.type, url, ...credentials }, projectId, finished: whole });
  }
  return places.sort(byUrl);
}

export function byUrl(one: FoundPlace, other: FoundPlace): number {
  return one.location.url < other.location.url ? -1 : 1;
}

/**
 * What a source within the own store lets a project look through.
 * @param folder the project's; undefined: of every project
 * @throws DomainError `BackupNotExists` if it is not the project's; `ValidationError` if there is no one place to look through for every project
 */
export function searchedWithin(own: OwnStore, source: BackupSource | undefined, folder: string | undefined): SearchedPlace {
  const given = source && backupRootOf(source.url);
  const place = given && own.find(given);
  if (folder === undefined && place === undefined) {
    if (own.root === undefined) throw validationError('each project has an account of its own in this deployment: look through one project at a time');
    if (given === undefined || partsBelow(own.root, given)?.length === 0) return { type: 'internal', root: own.root, folders: [] };
  }
  const wanted = folder ?? place?.folder;
  if (wanted === undefined || (given !== undefined && place?.folder !== wanted)) {
    throw new DomainError('BackupNotExists', 'there is no backup of this project at the source');
  }
  const below = place?.below ?? [];
  return { type: 'internal', root: locationBelow(own.placeOf(wanted), ...below), folders: [wanted, ...below] };
}

/** The project of a place `<project's folder>/<backup id>` in the own store; undefined for all other places. */
function projectOf(folders: readonly string[]): string | undefined {
  const [folder = '', backupId = '', ...rest] = folders;
  if (rest.length > 0 || parseUuid(backupId) !== backupId) return undefined;
  if (!folder.startsWith('_')) return folder;
  const id = Buffer.from(folder.slice(1), 'hex').toString('utf8');
  return folder === projectFolder(id) ? id : undefined;
}

/** A project's folder in the internal store: its id, or where that is no safe object name, `_` and its UTF-8 bytes in hex. */
export function projectFolder(projectId: string): string | undefined {
  if (/^[0-9a-z][0-9a-z_-]{0,99}$/.test(projectId)) return projectId;
  const bytes = Buffer.from(projectId);
  return bytes.length === 0 || bytes.length > 100 ? undefined : `_${bytes.toString('hex')}`;
}
