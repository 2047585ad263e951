import { isIP } from 'node:net';
import { DomainError, LocationUrl, fileLocation, parseLocationUrl, partsBelow, validationError } from '../kernel';
import { AddressRanges, isPublicAddress } from './addresses';
import { hostNotAllowed } from './http-connect';

/** Which outside places a location may name. Both lists are empty on a fresh install: nothing outside is allowed. */
export interface AllowListSettings {
  /**
   * Hosts: `storage.example.org` (at its scheme's own port), `storage.example.org:9000` (at that port), `*.example.org` (any host below
   * the domain, not the domain itself). Amazon S3 without an endpoint is `s3.amazonaws.com`.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * Addresses and ranges (`10.0.0.0/8`) that the names of allowed hosts may have although they are not public: loopback, private, link-local, those
   * of metadata services. A listed host that is an address itself needs no entry here. Empty: public addresses only.
   */
  readonly allowedAddresses?: readonly string[];
  /** Absolute paths of folders that `file:///…` locations may lie in. */
  readonly allowedFolders?: readonly string[];
}

/** The operator's allow-list, read and checked. */
export class AllowList {
  private readonly hosts: readonly string[];
  private readonly addresses: AddressRanges;
  private readonly folders: readonly LocationUrl[];

  /** @throws DomainError `ValidationError` for an entry that is no host, no address, or no absolute path. */
  constructor({ allowedHosts = [], allowedAddresses = [], allowedFolders = [] }: AllowListSettings) {
    this.hosts = allowedHosts.map(readHost);
    this.addresses = new AddressRanges(allowedAddresses);
    this.folders = allowedFolders.map((folder) => fileLocation(folder));
  }

  /**
   * The innermost listed folder that a `file` location lies in by its spelling, or the location itself for other kinds.
   * @throws DomainError `Forbidden` that names the host and nothing else.
   */
  boundaryOf(location: LocationUrl): LocationUrl {
    if (location.kind !== 'file') {
      if (!this.allowsHost(location.host ?? '')) throw forbidden(location);
      return location;
    }
    const around = this.folders.filter((folder) => partsBelow(folder, location) !== undefined);
    const [innermost] = around.sort((a, b) => b.segments.length - a.segments.length);
    if (!innermost) throw forbidden(location);
    return innermost;
  }

  /** May this `host` or `host:port` be asked? Redirects and endpoints of other services are judged as locations are. */
  allowsHost(host: string): boolean {
    return this.hosts.some((allowed) =>
      allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed,
    );
  }

  /** May an allowed host be reached at this address? One that is an address itself was listed as such. */
  allowsAddress(address: string, host: string): boolean {
    return isIP(host) !== 0 || isPublicAddress(address) || this.addresses.includes(address);
  }
}

/** What is said of any place that the operator did not list; it tells nothing of what is there. */
export function forbidden(location: LocationUrl): DomainError {
  if (location.kind !== 'file') return hostNotAllowed(location.host ?? '');
  return new DomainError('Forbidden', `the folder of this file:// URL is not on the operator's list of allowed storage locations`);
}

function readHost(entry: string): string {
  const wildcard = entry.startsWith('*.') ? '*.' : '';
  try {
    const { href, host, segments } = parseLocationUrl(`https://${entry.slice(wildcard.length)}`, 'host');
    if (host !== undefined && segments.length === 0 && !href.includes('*')) return wildcard + host;
  } catch {
    // Said below, with the entry: settings are the operator's own and no secret.
  }
  throw validationError(`allowed storage hosts: "${entry}" is not a host, host:port or *.domain`);
}
