import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import {
  BackupSource,
  Credentials,
  DomainError,
  LocationKind,
  LocationUrl,
  StoreLocation,
  Uuid,
  backupRootOf,
  filePathOf,
  locationAbove,
  locationBelow,
  parseLocationUrl,
  parseUuid,
  partsBelow,
  validationError,
} from '../kernel';
import { AllowList, AllowListSettings, forbidden } from './allow-list';
import { FilesystemObjectStore, isWithin, realPath } from './filesystem';
import { HttpObjectStore } from './http';
import { HttpConnect, HttpConnectOptions } from './http-connect';
import { FoundPlace, placesIn, projectFolder, searchedWithin } from './found-places';
import { keyChecked } from './key-checked';
import { ObjectStore, bufferSource } from './object-store';
import { RetryOptions, retrying } from './retrying';
import { S3ObjectStore } from './s3';

/** What the operator decides of storage. */
export interface StorageSettings extends AllowListSettings {
  /** URL of the deployment's own store, below which every project has a folder: `file:///var/lib/magnetodb/objects`. */
  readonly internalUrl: string;
  /** The deployment's own credentials. They are used for the internal store and for nothing that a user names. */
  readonly internalCredentials?: Credentials;
  /** How calls to stores are tried again. */
  readonly retry?: RetryOptions;
}

/** Where one backup lies: its own root, which holds its manifest. `type` and `url` may be kept; credentials are not. */
export interface BackupLocation {
  readonly type: 'internal' | 'external';
  /** Canonical absolute URL without secrets: the `location` link. */
  readonly url: string;
  readonly credentials?: Credentials;
}

/** What an adapter is asked to open. */
export interface StoreTarget {
  /** Root of the store to open. */
  readonly root: LocationUrl;
  /** At or above the root; nothing outside may be touched, whatever links lie in the way. */
  readonly boundary: LocationUrl;
  /** At or above the root; where a store has folders, emptied ones below this one are removed. */
  readonly keep: LocationUrl;
  readonly credentials: Credentials | undefined;
  /** How the store is asked, if it is asked by HTTP. For places that users name it reaches what the operator's list allows, and nothing else. */
  readonly http: HttpConnect;
}

/** Opens stores of one kind. It neither retries nor checks names, and makes no request yet. */
export type StoreAdapter = (target: StoreTarget) => ObjectStore;

export interface RegistryOptions {
  /** One adapter for each kind of store, instead of the one that is built in; undefined: there are no places of the kind. */
  readonly adapters?: Partial<Record<LocationKind, StoreAdapter | undefined>>;
  /** Put around each adapter, below the retries: limits, measurements, faults in tests. */
  readonly decorate?: (store: ObjectStore, location: BackupLocation) => ObjectStore;
  /** How hosts are found and how long they are waited for. */
  readonly http?: Omit<HttpConnectOptions, 'isAllowedHost' | 'isAllowedAddress'>;
}

/** No project's folder: such a one begins with `_` only before hexadecimal digits. */
const PROBE_FOLDER = '_probe';

const BUILT_IN: NonNullable<RegistryOptions['adapters']> = {
  file: ({ root, boundary, keep }) =>
    new FilesystemObjectStore({ root: filePathOf(root), boundary: filePathOf(boundary), keep: filePathOf(keep) }),
  s3: (target) => new S3ObjectStore(target),
  http: (target) => new HttpObjectStore(target),
};

/** Knows where backups may lie on this deployment, and opens the stores there: retried and key-checked, once each. */
export class ObjectStoreRegistry {
  private readonly internal: LocationUrl;
  private readonly allowed: AllowList;
  private readonly adapters: Partial<Record<LocationKind, StoreAdapter | undefined>>;
  /** The operator's own store lies where the operator says. */
  private readonly inside: HttpConnect;
  private readonly outside: HttpConnect;

  /** @throws DomainError `ValidationError` for settings that cannot be. Touches nothing outside the process. */
  constructor(
    private readonly settings: StorageSettings,
    private readonly options: RegistryOptions = {},
  ) {
    this.internal = parseLocationUrl(settings.internalUrl, 'the internal store');
    this.allowed = new AllowList(settings);
    this.adapters = { ...BUILT_IN, ...options.adapters };
    this.inside = new HttpConnect(options.http);
    this.outside = new HttpConnect({
      ...options.http,
      isAllowedHost: (host) => this.allowed.allowsHost(host),
      isAllowedAddress: (address, host) => this.allowed.allowsAddress(address, host),
    });
    this.adapterFor(this.internal);
  }

  /**
   * Where a new backup goes: `<internal store>/<project>/<backup id>`, or `<external url>/<backup id>`. For the same arguments always the
   * same place, so that an internal backup is found again after the store has moved.
   * @throws DomainError `Forbidden` for a place that is not on the allow-list, `ValidationError` for a kind of store that is not available.
   */
  async locationOf(location: StoreLocation, backup: { projectId: string; backupId: Uuid }): Promise<BackupLocation> {
    if (location.type === 'internal') {
      return {
        type: 'internal',
        url: locationBelow(this.internal, folderOf(backup.projectId), backup.backupId).href,
      };
    }
    await this.checkExternal(location.url);
    return { type: 'external', url: locationBelow(location.url, backup.backupId).href, ...credentialsOf(location) };
  }

  /**
   * Where the backup lies that a restore or an import names by URL.
   * @throws DomainError `BackupNotExists` if it lies in the internal store but not below the project; else as `locationOf`.
   */
  async locationOfSource(source: BackupSource, projectId: string): Promise<BackupLocation> {
    const root = backupRootOf(source.url);
    const parts = partsBelow(this.internal, root);
    if (parts === undefined) {
      await this.checkExternal(root);
      return { type: 'external', url: root.href, ...credentialsOf(source) };
    }
    const [folder, backupId, ...rest] = parts;
    if (
      folder !== folderOf(projectId) ||
      backupId === undefined ||
      parseUuid(backupId) !== backupId ||
      rest.length > 0
    ) {
      throw new DomainError('BackupNotExists', 'there is no backup of this project at the source');
    }
    // Credentials of a request have no meaning here and are dropped.
    return { type: 'internal', url: root.href };
  }

  /**
   * Opens the store at a backup's root. External places are checked again, since the allow-list may have changed.
   * @throws DomainError as `locationOf`; `StorageError` for an internal URL that this deployment's store does not hold.
   */
  async open(location: BackupLocation): Promise<ObjectStore> {
    const root = parseLocationUrl(location.url, 'the location of the backup');
    const target =
      location.type === 'internal' ? this.internalTarget(root) : await this.externalTarget(root, location.credentials);
    return this.openTarget(target, location);
  }

  private openTarget(target: StoreTarget, location: BackupLocation): ObjectStore {
    const store = this.adapterFor(target.root)(target);
    const decorated = this.options.decorate?.(store, location) ?? store;
    return keyChecked(retrying(decorated, this.settings.retry));
  }

  /**
   * Can the deployment's own store be written and read now? Stores a few bytes beside the projects' folders, reads them back, removes them.
   * It does not try again: whoever asks wants an answer.
   * @throws DomainError `StorageError`, or what else the adapter says
   */
  async probe(): Promise<void> {
    const root = locationBelow(this.internal, PROBE_FOLDER);
    const target = this.ownTarget(root);
    const bare = this.adapterFor(root)(target);
    const store = keyChecked(this.options.decorate?.(bare, { type: 'internal', url: root.href }) ?? bare);
    const name = randomUUID();
    try {
      await store.put(name, bufferSource(Buffer.from(name)));
      const stored = await store.get(name);
      if (stored === undefined || (await text(stored)) !== name) throw new DomainError('StorageError', 'the store does not give back what was put into it');
    } finally {
      await store.delete(name).catch(() => undefined);
    }
  }

  /**
   * Places below a source where backups seem to lie, in order of their URLs; no source: in the own store. What is in the own store is shown to its
   * project alone, or to whoever may see every project (`projectId` undefined).
   * @throws DomainError as `locationOfSource`
   */
  async find(source: BackupSource | undefined, projectId: string | undefined): Promise<FoundPlace[]> {
    const external = source && partsBelow(this.internal, source.url) === undefined ? source : undefined;
    if (external) {
      const root = backupRootOf(external.url);
      const target = await this.externalTarget(root, external.credentials);
      const location: BackupLocation = { type: 'external', url: root.href };
      return placesIn(this.openTarget(target, location), { type: 'external', root, folders: [] }, credentialsOf(external));
    }
    const folder = projectId === undefined ? undefined : folderOf(projectId);
    const searched = searchedWithin(this.internal, source, folder);
    const { root } = searched;
    return placesIn(this.openTarget(this.ownTarget(root), { type: 'internal', url: root.href }), searched, {});
  }

  /** The store may have moved since the URL was kept; a backup's place in it stays the same. */
  private internalTarget(kept: LocationUrl): StoreTarget {
    const [folder, backupId] = kept.segments.slice(-2);
    if (folder === undefined || backupId === undefined || parseUuid(backupId) !== backupId) {
      throw new DomainError('StorageError', "the backup does not lie in this deployment's own store");
    }
    return this.ownTarget(locationBelow(this.internal, folder, backupId));
  }

  private ownTarget(root: LocationUrl): StoreTarget {
    return { root, boundary: this.internal, keep: this.internal, credentials: this.settings.internalCredentials, http: this.inside };
  }

  private async externalTarget(root: LocationUrl, credentials: Credentials | undefined): Promise<StoreTarget> {
    return { root, boundary: await this.checkExternal(root), keep: locationAbove(root), credentials, http: this.outside };
  }

  /** The boundary of an allowed external place. The order is the contract's: first what is allowed, then what is available. */
  private async checkExternal(location: LocationUrl): Promise<LocationUrl> {
    const boundary = this.allowed.boundaryOf(location);
    if (overlap(this.internal, location)) throw forbidden(location);
    if (location.kind === 'file') await this.checkRealFolder(location, boundary);
    this.adapterFor(location);
    return boundary;
  }

  /** The spelling was allowed; so must be where it leads to, which may neither leave the folder nor reach into the internal store. */
  private async checkRealFolder(location: LocationUrl, boundary: LocationUrl): Promise<void> {
    const [real, allowed, internal] = await Promise.all([
      realFolder(location),
      realFolder(boundary),
      this.internal.kind === 'file' ? realFolder(this.internal) : undefined,
    ]);
    const inside = real !== undefined && allowed !== undefined && isWithin(allowed, real);
    const ours = real !== undefined && internal !== undefined && (isWithin(internal, real) || isWithin(real, internal));
    if (!inside || ours) throw forbidden(location);
  }

  private adapterFor(location: LocationUrl): StoreAdapter {
    const adapter = this.adapters[location.kind];
    if (!adapter) throw validationError(`${location.kind} locations are not available in this deployment`);
    return adapter;
  }
}

function credentialsOf(given: { readonly credentials?: Credentials }): { credentials?: Credentials } {
  return given.credentials ? { credentials: given.credentials } : {};
}

function overlap(one: LocationUrl, other: LocationUrl): boolean {
  return partsBelow(one, other) !== undefined || partsBelow(other, one) !== undefined;
}

/** Undefined where the way cannot be followed (a dangling link, a folder that is closed to us): such a place is not allowed. */
async function realFolder(location: LocationUrl): Promise<string | undefined> {
  try {
    return await realPath(filePathOf(location));
  } catch {
    return undefined;
  }
}

function folderOf(projectId: string): string {
  const folder = projectFolder(projectId);
  if (folder === undefined) throw validationError('the project id must have 1 to 100 bytes');
  return folder;
}
