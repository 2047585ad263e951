import { resolve } from 'node:path';
import { LocationKind, LocationUrl, backupRootOf, fileLocation, filePathOf, parseLocationUrl } from '../kernel';
import { FilesystemObjectStore, ObjectStore, keyChecked } from '../storage';
import { usageError } from './exit-codes';

/** Kinds of store that are read without a server. It is the user's own machine, so there is no allow-list. */
const STORES: Partial<Record<LocationKind, (root: LocationUrl) => ObjectStore>> = {
  file: (root) => new FilesystemObjectStore({ root: filePathOf(root) }),
};

/**
 * Opens the store at a backup's root.
 * @param text a location URL, or the path of a folder; either may name the `manifest.json` in it
 * @throws CliError for a kind of store that cannot be read, DomainError `ValidationError` for no location at all
 */
export function openLocation(text: string, cwd: string): ObjectStore {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const root = backupRootOf(isUrl ? parseLocationUrl(text, 'LOCATION') : fileLocation(resolve(cwd, text)));
  const open = STORES[root.kind];
  if (!open) throw usageError(`${root.kind} locations cannot be read without a server yet`);
  return keyChecked(open(root));
}
