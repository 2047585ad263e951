import { Credentials, DomainError, LocationUrl, Secret, validationError } from '../../kernel';
import type { HttpConnect } from '../http-connect';
import type { ObjectStore } from '../object-store';
import { PROJECT_PLACEHOLDER } from '../own-store';
import { listAccount } from './containers';
import { logInBy } from './credentials';
import { KeystoneScope } from './log-in';
import { SwiftClient } from './swift-client';
import { SwiftObjectStore } from './swift-object-store';
import { TokenSession } from './token-session';
import { Trusts } from './trusts';

/** How the deployment's own Swift is used. */
export interface HomeSwiftOptions {
  /** Region of its endpoint in Keystone's catalogue. Default: any. */
  readonly region?: string;
  /** Interface of the endpoint: `public`, `internal` or `admin`. Default `public`. */
  readonly interface?: string;
  /**
   * As whom containers are reached. `service` (default): as the user of `internalCredentials`, in an account that this user may write to. `trust`: as
   * the user who asked, in the account of the user's project, by a Keystone trust that is made when a job is accepted and deleted after it.
   */
  readonly access?: 'service' | 'trust';
  /** Larger objects are stored in segments of so many bytes. Default 1 GiB; less where the Swift takes less. */
  readonly segmentBytes?: number;
  /** How long a trust may last if nobody deletes it, in seconds. Default 30 days. */
  readonly trustSeconds?: number;
}

/** On whose behalf a store of trusting users is opened: by the token of the call itself, or by the trust of a job. */
export type ActingFor = { readonly token: Secret } | { readonly trustId: string };

export const DEFAULT_SEGMENT_BYTES = 1024 ** 3;
const DEFAULT_TRUST_SECONDS = 30 * 86_400;
/** Sessions of trusts that are kept: each is a token that can be used again by the next step of its job. */
const MAX_SESSIONS = 256;

/** The deployment's own Swift: where it is, and with which tokens it is asked. */
export class HomeSwift {
  private readonly service: TokenSession;
  private readonly ofTrusts = new Map<string, TokenSession>();
  private readonly clients = new Map<string, SwiftClient>();
  readonly trusts: Trusts | undefined;

  /** @throws DomainError `ValidationError` for settings that do not fit together. Asks nobody yet. */
  constructor(
    private readonly url: string,
    private readonly credentials: Credentials,
    private readonly options: HomeSwiftOptions,
    private readonly http: HttpConnect,
  ) {
    this.service = new TokenSession(() => this.logIn());
    if (options.access !== 'trust') return;
    const authUrl = credentials.get('auth_url')?.reveal() ?? '';
    if (/\/auth\/v1(\.0)?\/*$/.test(authUrl)) throw validationError('only Keystone knows of trusts');
    // Its tokens are for its own project, and Keystone gives none for a trust.
    if (credentials.has('application_credential_id')) throw validationError('trusts need the service user’s name and password: by an application credential nobody acts for others');
    this.trusts = new Trusts(http, authUrl, this.service, options.trustSeconds ?? DEFAULT_TRUST_SECONDS);
  }

  /**
   * The URL of the store with its service in it, `swift+https://…`; for `swift://container` as the catalogue has it.
   * @throws DomainError StorageError, transient if Keystone is away
   */
  async completeUrl(): Promise<string> {
    const match = /^swift:\/\/(.+)$/.exec(this.url);
    if (match === null) return this.url;
    const { storageUrl, projectId } = await this.service.login();
    if (storageUrl === undefined) throw new DomainError('StorageError', "the identity service's catalogue names no object store there");
    return `swift+${this.trusts === undefined ? storageUrl : accountsOf(storageUrl, projectId)}/${match[1] ?? ''}`;
  }

  /** @throws DomainError `StorageError` if users have to be acted for and nobody says for whom */
  open(root: LocationUrl, actingFor: ActingFor | undefined): ObjectStore {
    const client = new SwiftClient(this.http, root.service ?? '', this.sessionFor(actingFor), this.limitsOf(root.service ?? ''));
    return new SwiftObjectStore({ client, root, segmentBytes: this.options.segmentBytes ?? DEFAULT_SEGMENT_BYTES });
  }

  /** Is there somebody to ask, and does he know the service user? Where every account is a user's, no object can be written for a try. */
  async check(): Promise<void> {
    const { storageUrl } = await this.service.login();
    if (storageUrl !== undefined) await new SwiftClient(this.http, storageUrl, this.service).limits();
  }

  /** Names of the service user's containers that begin so; undefined where containers are those of users, of whom nobody knows all. */
  containers(service: string, prefix: string): AsyncGenerator<string> | undefined {
    return this.trusts === undefined ? listAccount(new SwiftClient(this.http, service, this.service), prefix) : undefined;
  }

  /** Ends a trust as the user who gave it. One that is gone already is no error. */
  async endTrust(trustId: string): Promise<void> {
    await this.trusts?.remove(trustId, this.sessionFor({ trustId }));
    this.ofTrusts.delete(trustId);
  }

  private limitsOf(service: string): SwiftClient {
    const known = this.clients.get(service) ?? new SwiftClient(this.http, service, this.service);
    this.clients.set(service, known);
    return known;
  }

  private sessionFor(actingFor: ActingFor | undefined): TokenSession {
    if (this.trusts === undefined) return this.service;
    if (actingFor === undefined) throw new DomainError('StorageError', 'nobody has said on whose behalf the object store is asked');
    if ('token' in actingFor) return new TokenSession(async () => ({ token: actingFor.token.reveal(), expiresAt: undefined }));
    const { trustId } = actingFor;
    const known = this.ofTrusts.get(trustId) ?? new TokenSession(() => this.logIn({ kind: 'trust', id: trustId }));
    // The one that was used last is the last to go.
    this.ofTrusts.delete(trustId);
    this.ofTrusts.set(trustId, known);
    for (const oldest of this.ofTrusts.keys()) {
      if (this.ofTrusts.size <= MAX_SESSIONS) break;
      this.ofTrusts.delete(oldest);
    }
    return known;
  }

  private logIn(scope?: KeystoneScope): ReturnType<typeof logInBy> {
    const { region, interface: wanted } = this.options;
    const endpoint = { ...(region === undefined ? {} : { region }), ...(wanted === undefined ? {} : { interface: wanted }) };
    return logInBy(this.http, this.credentials, { ...(scope === undefined ? {} : { scope }), endpoint });
  }
}

/** The accounts of all projects, of the service user's: Keystone's catalogue names each user the account of the token's project. */
function accountsOf(storageUrl: string, projectId: string | undefined): string {
  const slash = storageUrl.lastIndexOf('/');
  const account = storageUrl.slice(slash + 1);
  if (projectId === undefined || !account.includes(projectId))
    throw new DomainError('StorageError', "the catalogue's endpoint of the object store does not name the project's account: give its URL, with {project}");
  return `${storageUrl.slice(0, slash)}/${account.replace(projectId, PROJECT_PLACEHOLDER)}`;
}
