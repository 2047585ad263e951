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
  validationError,
} from '../kernel';
import { AllowList, AllowListSettings, forbidden } from './allow-list';
import { CredentialSeal } from './credential-seal';
import { FilesystemObjectStore, isWithin, realPath } from './filesystem';
import { HttpObjectStore } from './http';
import { HttpConnect, HttpConnectOptions } from './http-connect';
import { callerToken } from './caller-token';
import { FoundPlace, SearchedPlace, byUrl, placesIn, projectFolder, searchedWithin } from './found-places';
import { keyChecked } from './key-checked';
import { ObjectStore, bufferSource } from './object-store';
import { OwnStore } from './own-store';
import { Purpose, blaming, probeStore } from './probe';
import { RetryOptions, retrying } from './retrying';
import { HomeSwift, HomeSwiftOptions, OutsideSwift, checkSwiftCredentials } from './swift';
import { S3ObjectStore } from './s3';

/** What the operator decides of storage. */
export interface StorageSettings extends AllowListSettings {
  /**
   * URL of the deployment's own store, below which every project has a folder: `file:///var/lib/magnetodb/objects`. Where it says `{project}`, each has
   * a place of its own: `swift+https://host/v1/AUTH_x/backups-{project}`; or `swift://backups-{project}`, with the endpoint in Keystone's catalogue.
   */
  readonly internalUrl: string;
  /** The deployment's own credentials. They are used for the internal store and for nothing that a user names. */
  readonly internalCredentials?: Credentials;
  /** How the own store is used where it is a Swift. */
  readonly internalSwift?: HomeSwiftOptions;
  /**
   * Keys that seal the credentials of requests while jobs need them: `id:base64 of 32 bytes`; the first seals, all open, so that keys can be changed
   * one after another. All processes have the same. Empty: no job takes credentials.
   */
  readonly credentialsKeys?: readonly string[];
  /** How calls to stores are tried again. */
  readonly retry?: RetryOptions;
}

/** Where one backup lies: its own root, which holds its manifest. `type` and `url` may be kept; credentials are not. */
export interface BackupLocation {
  readonly type: 'internal' | 'external';
  /** Canonical absolute URL without secrets: the `location` link. */
  readonly url: string;
  readonly credentials?: Credentials;
  /** The trust by which a job acts for the user who asked for it, where the own store is a Swift of trusting users. */
  readonly trustId?: string;
}

/** A place as a job keeps it. */
export interface JobPlace {
  readonly url: string;
  readonly internal: boolean;
}

/** What a job has to be given so that any process can open its place. */
export interface JobAccess {
  /** Does it lie where processes of the first versions cannot go? */
  readonly outside: boolean;
  /** The request's credentials, sealed for this place and project; or the name of a trust, which is of use to the service user alone. */
  readonly sealed?: string;
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
  /** Hears of each `JobAccess.sealed` that has to be given back (`giveBack`) when no job holds it any more. */
  readonly onGrant?: (sealed: string) => Promise<void>;
  /** How hosts are found and how long they are waited for. */
  readonly http?: Omit<HttpConnectOptions, 'isAllowedHost' | 'isAllowedAddress'>;
}

/** What the name of a trust begins with where sealed credentials would stand. */
const TRUST = 'trust:';

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
  private own: Promise<OwnStore> | undefined;
  private readonly home: HomeSwift | undefined;
  private readonly allowed: AllowList;
  private readonly adapters: Partial<Record<LocationKind, StoreAdapter | undefined>>;
  /** The operator's own store lies where the operator says. */
  private readonly inside: HttpConnect;
  private readonly outside: HttpConnect;
  private readonly seal: CredentialSeal;

  /** @throws DomainError `ValidationError` for settings that cannot be. Touches nothing outside the process. */
  constructor(
    private readonly settings: StorageSettings,
    private readonly options: RegistryOptions = {},
  ) {
    this.allowed = new AllowList(settings);
    this.seal = new CredentialSeal(settings.credentialsKeys ?? []);
    const swifts = new OutsideSwift();
    this.adapters = { ...BUILT_IN, swift: ({ root, credentials, http }) => swifts.open(root, credentials, http), ...options.adapters };
    this.inside = new HttpConnect(options.http);
    this.outside = new HttpConnect({
      ...options.http,
      isAllowedHost: (host) => this.allowed.allowsHost(host),
      isAllowedAddress: (address, host) => this.allowed.allowsAddress(address, host),
    });
    const { internalUrl, internalCredentials } = settings;
    if (internalUrl.startsWith('swift') && internalCredentials !== undefined && options.adapters?.swift === undefined) {
      checkSwiftCredentials(internalCredentials);
      this.home = new HomeSwift(internalUrl, internalCredentials, settings.internalSwift ?? {}, this.inside);
    }
    // What can be judged without asking anybody is judged now.
    if (internalUrl.startsWith('swift://')) {
      if (this.home === undefined) throw validationError('the internal store is a Swift without an endpoint and without credentials to find it');
      new OwnStore(internalUrl.replace('swift://', 'swift+https://host/v1/account/'));
    } else {
      const { kind } = new OwnStore(internalUrl);
      if (this.home === undefined) this.adapterFor(kind);
    }
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
        url: locationBelow((await this.ownStore()).placeOf(folderOf(backup.projectId)), backup.backupId).href,
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
    const own = await this.ownStore();
    if (!own.holds(root)) {
      await this.checkExternal(root);
      return { type: 'external', url: root.href, ...credentialsOf(source) };
    }
    const place = own.find(root);
    const [backupId, ...rest] = place?.below ?? [];
    if (place?.folder !== folderOf(projectId) || backupId === undefined || parseUuid(backupId) !== backupId || rest.length > 0) {
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
    const bare = location.type === 'internal' ? await this.openOwn(await this.movedTo(root), location.trustId) : await this.openOutside(root, location.credentials);
    return this.wrapped(bare, location);
  }

  /**
   * What a job needs to open the place of a request later: sealed credentials, or where jobs act for users, a trust of the caller's.
   * @throws DomainError `ValidationError` if there are credentials, and no key to seal them with; `Forbidden` if the caller's token may not trust
   */
  async accessFor({ type, url, credentials }: BackupLocation, projectId: string): Promise<JobAccess> {
    if (type === 'internal') return { outside: false, ...(await this.trustOfCaller()) };
    const outside = parseLocationUrl(url, 'the location of the backup').kind !== 'file';
    return credentials === undefined ? { outside } : { outside, sealed: this.seal.seal(credentials, { projectId, url }) };
  }

  /** Opens the place of a job. @throws DomainError as `open`; `StorageError` if its credentials cannot be opened */
  async openFor({ url, internal }: JobPlace, { projectId, sealed }: { readonly projectId: string; readonly sealed: string | undefined }): Promise<ObjectStore> {
    if (internal) return this.open({ type: 'internal', url, ...(sealed === undefined ? {} : { trustId: trustIdOf(sealed) }) });
    return this.open({ type: 'external', url, ...(sealed === undefined ? {} : { credentials: this.seal.open(sealed, { projectId, url }) }) });
  }

  /**
   * Can a job do its work at an outside place, with these credentials? It does not try again: whoever asks wants an answer.
   * @throws DomainError `ValidationError` naming the field for what will not get better, `StorageError` for what may; as `locationOf`
   */
  async probeOutside(location: BackupLocation, purpose: Purpose, field: string): Promise<void> {
    const bare = await this.openOutside(parseLocationUrl(location.url, field), location.credentials);
    await probeStore(keyChecked(this.options.decorate?.(bare, location) ?? bare), purpose).catch(blaming(field));
  }

  private wrapped(store: ObjectStore, location: BackupLocation): ObjectStore {
    const decorated = this.options.decorate?.(store, location) ?? store;
    return keyChecked(retrying(decorated, this.settings.retry));
  }

  /**
   * Can the deployment's own store be written and read now? Stores a few bytes beside the projects' folders, reads them back, removes them.
   * It does not try again: whoever asks wants an answer.
   * @throws DomainError `StorageError`, or what else the adapter says
   */
  async probe(): Promise<void> {
    if (this.home?.trusts !== undefined) return this.home.check();
    const root = (await this.ownStore()).placeOf(PROBE_FOLDER);
    const bare = await this.openOwn(root, undefined);
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
    const own = await this.ownStore();
    const external = source && !own.holds(source.url) ? source : undefined;
    if (external) {
      const root = backupRootOf(external.url);
      const store = this.wrapped(await this.openOutside(root, external.credentials), { type: 'external', url: root.href });
      return placesIn(store, { type: 'external', root, folders: [] }, credentialsOf(external));
    }
    if (projectId === undefined && source === undefined && own.account !== undefined) {
      const containers = this.home?.containers(own.account.service, own.account.prefix);
      if (containers !== undefined) return this.findInContainers(own, containers);
    }
    return this.findWithin(searchedWithin(own, source, projectId === undefined ? undefined : folderOf(projectId)));
  }

  private async findWithin(searched: SearchedPlace): Promise<FoundPlace[]> {
    const { root } = searched;
    return placesIn(this.wrapped(await this.openOwn(root, undefined), { type: 'internal', url: root.href }), searched, {});
  }

  /** Of every project, where each has a container: one after another, as their URLs are ordered. */
  private async findInContainers(own: OwnStore, containers: AsyncIterable<string>): Promise<FoundPlace[]> {
    const folders: string[] = [];
    for await (const container of containers) {
      const folder = own.folderOfContainer(container);
      if (folder !== undefined) folders.push(folder);
    }
    const found: FoundPlace[] = [];
    for (const folder of folders) found.push(...(await this.findWithin(searchedWithin(own, undefined, folder))));
    return found.sort(byUrl);
  }

  private async trustOfCaller(): Promise<Pick<JobAccess, 'sealed'>> {
    if (this.home?.trusts === undefined) return {};
    const token = callerToken();
    if (token === undefined) throw new DomainError('StorageError', 'nobody has said on whose behalf the object store is asked');
    const trustId = await this.home.trusts.make(token);
    const sealed = TRUST + trustId;
    try {
      await this.options.onGrant?.(sealed);
    } catch (error) {
      await this.home.endTrust(trustId).catch(() => undefined);
      throw error;
    }
    return { sealed };
  }

  /** Deletes what a job's access was lent by, once no job holds it. What is gone already is no error. @throws DomainError */
  async giveBack(sealed: string): Promise<void> {
    await this.home?.endTrust(trustIdOf(sealed));
  }

  /** Asked for once: where the own store is, is found out when somebody needs it. */
  private ownStore(): Promise<OwnStore> {
    const { internalUrl } = this.settings;
    this.own ??= (this.home === undefined ? Promise.resolve(internalUrl) : this.home.completeUrl())
      .then((url) => new OwnStore(url))
      .catch((error: unknown) => {
        this.own = undefined;
        throw error;
      });
    return this.own;
  }

  /** The store may have moved since the URL was kept; a backup's place in it stays the same. */
  private async movedTo(kept: LocationUrl): Promise<LocationUrl> {
    const own = await this.ownStore();
    const place = own.find(kept);
    const [folder, backupId] = place === undefined ? kept.segments.slice(-2) : [place.folder, ...place.below];
    if (folder === undefined || backupId === undefined || parseUuid(backupId) !== backupId) {
      throw new DomainError('StorageError', "the backup does not lie in this deployment's own store");
    }
    return locationBelow(own.placeOf(folder), backupId);
  }

  private async openOwn(root: LocationUrl, trustId: string | undefined): Promise<ObjectStore> {
    if (this.home !== undefined) {
      const token = callerToken();
      return this.home.open(root, trustId !== undefined ? { trustId } : token && { token });
    }
    const keep = (await this.ownStore()).root ?? root;
    return this.adapterFor(root.kind)({ root, boundary: keep, keep, credentials: this.settings.internalCredentials, http: this.inside });
  }

  private async openOutside(root: LocationUrl, credentials: Credentials | undefined): Promise<ObjectStore> {
    const boundary = await this.checkExternal(root);
    return this.adapterFor(root.kind)({ root, boundary, keep: locationAbove(root), credentials, http: this.outside });
  }

  /** The boundary of an allowed external place. The order is the contract's: first what is allowed, then what is available. */
  private async checkExternal(location: LocationUrl): Promise<LocationUrl> {
    const boundary = this.allowed.boundaryOf(location);
    const own = await this.ownStore();
    if (own.overlaps(location)) throw forbidden(location);
    if (location.kind === 'file') await this.checkRealFolder(location, boundary, own.root);
    this.adapterFor(location.kind);
    return boundary;
  }

  /** The spelling was allowed; so must be where it leads to, which may neither leave the folder nor reach into the internal store. */
  private async checkRealFolder(location: LocationUrl, boundary: LocationUrl, own: LocationUrl | undefined): Promise<void> {
    const [real, allowed, internal] = await Promise.all([
      realFolder(location),
      realFolder(boundary),
      own?.kind === 'file' ? realFolder(own) : undefined,
    ]);
    const inside = real !== undefined && allowed !== undefined && isWithin(allowed, real);
    const ours = real !== undefined && internal !== undefined && (isWithin(internal, real) || isWithin(real, internal));
    if (!inside || ours) throw forbidden(location);
  }

  private adapterFor(kind: LocationKind): StoreAdapter {
    const adapter = this.adapters[kind];
    if (!adapter) throw validationError(`${kind} locations are not available in this deployment`);
    return adapter;
  }
}

function trustIdOf(sealed: string): string {
  if (!sealed.startsWith(TRUST)) throw new DomainError('StorageError', 'a job in the own store holds something else than a trust');
  return sealed.slice(TRUST.length);
}

/** @throws DomainError `ValidationError` for settings that cannot be. Asks nobody. */
export function checkStorageSettings(settings: StorageSettings): void {
  new ObjectStoreRegistry(settings);
}

function credentialsOf(given: { readonly credentials?: Credentials }): { credentials?: Credentials } {
  return given.credentials ? { credentials: given.credentials } : {};
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
