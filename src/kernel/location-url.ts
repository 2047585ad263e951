import { validationError } from './errors';
import { Credentials } from './secret';
import { hasLoneSurrogate } from './utf8';

/**
 * The rules of location URLs: `file:///folder`, `s3://bucket/prefix?endpoint=…`, `swift://container/prefix` (with an endpoint beside
 * it), `swift+https://host/v1/AUTH_…/container/prefix`, `http(s)://host/path`. Pure: what a location may name on this
 * deployment is the storage room's business. No message repeats a URL, since it may hold what should not be in it.
 */

/** Which kind of store a URL names: one adapter serves one kind. */
export type LocationKind = 'file' | 's3' | 'swift' | 'http';

export interface LocationUrl {
  readonly kind: LocationKind;
  /** Canonical absolute URL without secrets or trailing slash; by itself enough to find the place again. */
  readonly href: string;
  /** The URL up to its path: `file://`, `s3://bucket`, `swift+https://host/v1/AUTH_x/container`, `https://host`. */
  readonly base: string;
  /** Decoded parts of the path behind `base`; none is empty, dotted, or holds a slash. */
  readonly segments: readonly string[];
  /** What follows the path: `?endpoint=…` or nothing. */
  readonly suffix: string;
  /** `host` or `host:port` (where it is not the scheme's own port) that is asked; undefined for `file`. */
  readonly host: string | undefined;
  /** Base URL of the service: S3 endpoint (undefined: Amazon's), Swift storage URL; undefined for the other kinds. */
  readonly service: string | undefined;
  /** Bucket or container; undefined for the other kinds. */
  readonly container: string | undefined;
  /** As the client wrote it. */
  readonly given: { readonly url: string; readonly endpoint?: string };
}

/** Where a strategy puts backups. */
export type StoreLocation =
  | { readonly type: 'internal' }
  | { readonly type: 'external'; readonly url: LocationUrl; readonly credentials?: Credentials };

/** Where a restore or an import reads a backup from: the URL of the backup's own root, which holds its manifest. */
export interface BackupSource {
  readonly url: LocationUrl;
  readonly credentials?: Credentials;
}

/** Longest URL that is read, in characters, as given and in canonical form. What a strategy may name is shorter, to leave room below it. */
export const MAX_LOCATION_URL_LENGTH = 4096;

/** The object that a backup's root holds once the backup is complete. A source URL may name it outright. */
const MANIFEST_NAME = 'manifest.json';

/** Whom `s3://bucket` without an endpoint asks. */
const AMAZON_S3_HOST = 's3.amazonaws.com';

const SCHEMES = ['file', 's3', 'swift', 'swift+http', 'swift+https', 'http', 'https'] as const;
type Scheme = (typeof SCHEMES)[number];

/** Query parameters that sign or authorise: Amazon, Google, Azure and Swift temporary URLs, and tokens of any kind. */
const SECRET_PARAMETER =
  /^(x-(amz|goog)-.*|awsaccesskeyid|googleaccessid|sig|signature|se|sp|sv|skoid|expires|temp_url_.*|.*(token|secret|passw|passphrase|credential|auth|key).*)$/i;

function hasUnsafeCharacter(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f || character === '\\') return true;
  }
  return false;
}

interface RawUrl {
  readonly scheme: Scheme;
  readonly authority: string;
  readonly path: string;
  readonly query: string | undefined;
}

function splitUrl(text: string, field: string): RawUrl {
  checkLength(text, field);
  if (hasUnsafeCharacter(text) || hasLoneSurrogate(text) || /\s/.test(text)) {
    throw validationError(`${field} holds white space, a backslash or a control character: percent-encode the path`);
  }
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/i.exec(text);
  const scheme = SCHEMES.find((known) => known === match?.[1]?.toLowerCase());
  if (!match || scheme === undefined) {
    throw validationError(`${field} must be an absolute URL of one of the schemes ${SCHEMES.join(', ')}`);
  }
  const authority = match[2] ?? '';
  if (authority.includes('@')) {
    throw validationError(`${field} holds user information: give credentials beside the URL, never in it`);
  }
  if (match[5] !== undefined) throw validationError(`${field} may have no fragment`);
  return { scheme, authority, path: match[3] ?? '', query: match[4] };
}

function readSegments(path: string, field: string): string[] {
  const parts = path.split('/');
  parts.shift();
  if (parts.at(-1) === '') parts.pop();
  return parts.map((part) => {
    let decoded: string;
    try {
      decoded = decodeURIComponent(part);
    } catch {
      throw validationError(`${field} has a malformed percent-encoding`);
    }
    if (!isSafeSegment(decoded)) {
      throw validationError(
        `${field} may have no empty or dotted part in its path, and no encoded slash or control character`,
      );
    }
    return decoded;
  });
}

function isSafeSegment(part: string): boolean {
  return part !== '' && part !== '.' && part !== '..' && !part.includes('/') && !hasUnsafeCharacter(part);
}

/** Refuses every query, and says so in other words where it looks like a signature or a token. */
function refuseQuery(query: string | undefined, field: string, allowed: readonly string[] = []): Map<string, string> {
  const found = new Map<string, string>();
  if (query === undefined) return found;
  const parameters = [...new URLSearchParams(query)];
  if (parameters.some(([name]) => SECRET_PARAMETER.test(name))) {
    throw validationError(
      `${field} is signed or holds a secret in its query: give credentials beside the URL, never in it`,
    );
  }
  for (const [name, value] of parameters) {
    if (!allowed.includes(name) || found.has(name)) {
      throw validationError(
        `${field} may have ${allowed.length > 0 ? `no query but one ${allowed.join(', ')}` : 'no query'}`,
      );
    }
    found.set(name, value);
  }
  return found;
}

interface WebAddress {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly segments: readonly string[];
}

function readWebAddress(scheme: 'http' | 'https', raw: RawUrl, field: string): WebAddress {
  let host = '';
  try {
    // The WHATWG parser makes one spelling of a host: case, punycode, IP addresses, default ports.
    host = new URL(`${scheme}://${raw.authority}/`).host;
  } catch {
    // Said below, as for an empty host.
  }
  if (host === '') throw validationError(`${field} has no valid host`);
  return { scheme, host, segments: readSegments(raw.path, field) };
}

function readEndpoint(text: string, field: string): WebAddress {
  const raw = splitUrl(text, field);
  refuseQuery(raw.query, field);
  if (raw.scheme !== 'http' && raw.scheme !== 'https') throw validationError(`${field} must be an http or https URL`);
  return readWebAddress(raw.scheme, raw, field);
}

function webUrl(address: WebAddress): string {
  return `${address.scheme}://${address.host}${encodePath(address.segments)}`;
}

function encodePath(segments: readonly string[]): string {
  return segments.map((part) => `/${encodeURIComponent(part)}`).join('');
}

type Parts = Omit<LocationUrl, 'href' | 'given'>;

function build(parts: Parts, given?: LocationUrl['given']): LocationUrl {
  const path = encodePath(parts.segments) || (parts.kind === 'file' ? '/' : '');
  const href = `${parts.base}${path}${parts.suffix}`;
  return { ...parts, href, given: given ?? { url: href } };
}

function readContainer(authority: string, field: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(authority)) {
    throw validationError(`${field} must name a bucket or container of letters, digits, dots, dashes and underscores`);
  }
  return authority;
}

function s3Parts(raw: RawUrl, field: string, endpoint: string | undefined, endpointField: string): Parts {
  const inQuery = refuseQuery(raw.query, field, ['endpoint']).get('endpoint');
  const beside = endpoint === undefined ? undefined : readEndpoint(endpoint, endpointField);
  const within = inQuery === undefined ? undefined : readEndpoint(inQuery, `${field} (its endpoint)`);
  if (beside && within && webUrl(beside) !== webUrl(within)) {
    throw validationError(`${endpointField} differs from the endpoint in ${field}`);
  }
  const address = beside ?? within;
  const container = readContainer(raw.authority, field);
  return {
    kind: 's3',
    base: `s3://${container}`,
    segments: readSegments(raw.path, field),
    suffix: address ? `?endpoint=${encodeURIComponent(webUrl(address))}` : '',
    host: address?.host ?? AMAZON_S3_HOST,
    service: address && webUrl(address),
    container,
  };
}

/** A Swift storage URL is `…/v1/{account}`; container and prefix follow (OpenStack Object Storage API). */
function swiftParts(address: WebAddress, field: string): Parts {
  const version = address.segments.findIndex((part) => /^v1(\.0)?$/.test(part));
  const container = address.segments[version + 2];
  if (version < 0 || container === undefined) {
    throw validationError(`${field} must lead to a Swift container: …/v1/{account}/{container}`);
  }
  const service = webUrl({ ...address, segments: address.segments.slice(0, version + 2) });
  return {
    kind: 'swift',
    base: `swift+${service}/${encodeURIComponent(container)}`,
    segments: address.segments.slice(version + 3),
    suffix: '',
    host: address.host,
    service,
    container,
  };
}

function swiftAddress(raw: RawUrl, field: string, endpoint: string | undefined, endpointField: string): WebAddress {
  refuseQuery(raw.query, field);
  if (endpoint === undefined)
    throw validationError(`${endpointField} is missing: swift:// needs the storage URL as endpoint`);
  const storage = readEndpoint(endpoint, endpointField);
  if (!/^v1(\.0)?$/.test(storage.segments.at(-2) ?? '')) {
    throw validationError(`${endpointField} must be a Swift storage URL: https://host/v1/{account}`);
  }
  const inside = [readContainer(raw.authority, field), ...readSegments(raw.path, field)];
  return { ...storage, segments: [...storage.segments, ...inside] };
}

function checkLength(text: string, field: string): void {
  if (text.length > MAX_LOCATION_URL_LENGTH) {
    throw validationError(`${field} is longer than ${MAX_LOCATION_URL_LENGTH} characters`);
  }
}

/**
 * Reads a location URL, and the endpoint beside it if there is one.
 * @param field how messages name the URL, such as `strategy.location.url`; the endpoint is named `endpoint` beside it.
 * @throws DomainError `ValidationError`: not such a URL, a secret within it, a path trick, an endpoint missing or out of place.
 */
export function parseLocationUrl(text: string, field: string, endpoint?: string): LocationUrl {
  const url = build(readParts(text, field, endpoint), endpoint === undefined ? { url: text } : { url: text, endpoint });
  checkLength(url.href, `${field} (percent-encoded)`);
  return url;
}

function readParts(text: string, field: string, endpoint: string | undefined): Parts {
  const endpointField = field.replace(/[^.]*$/, 'endpoint');
  const raw = splitUrl(text, field);
  if (raw.scheme === 's3') return s3Parts(raw, field, endpoint, endpointField);
  if (raw.scheme === 'swift') return swiftParts(swiftAddress(raw, field, endpoint, endpointField), field);

  refuseQuery(raw.query, field);
  if (endpoint !== undefined) throw validationError(`${endpointField} belongs only to s3:// and swift:// URLs`);
  if (raw.scheme === 'file') {
    if (raw.authority !== '' || raw.path === '') throw validationError(`${field} must have the form file:///folder`);
    return plainParts('file', 'file://', readSegments(raw.path, field));
  }
  if (raw.scheme === 'swift+http' || raw.scheme === 'swift+https') {
    return swiftParts(readWebAddress(raw.scheme === 'swift+http' ? 'http' : 'https', raw, field), field);
  }
  const address = readWebAddress(raw.scheme, raw, field);
  return { ...plainParts('http', `${address.scheme}://${address.host}`, address.segments), host: address.host };
}

function plainParts(kind: LocationKind, base: string, segments: readonly string[]): Parts {
  return { kind, base, segments, suffix: '', host: undefined, service: undefined, container: undefined };
}

/** The place `parts` deeper. Parts are plain text, not percent-encoded. */
export function locationBelow(location: LocationUrl, ...parts: string[]): LocationUrl {
  if (!parts.every(isSafeSegment))
    throw validationError('a part of a location may not be empty, dotted, or hold a slash');
  return build({ ...withoutHref(location), segments: [...location.segments, ...parts] });
}

/** The place one part up; of a store's very root, the root itself. */
export function locationAbove(location: LocationUrl): LocationUrl {
  return build({ ...withoutHref(location), segments: location.segments.slice(0, -1) });
}

/** The decoded parts that lead from `outer` to `inner`: empty for the same place, undefined if `inner` does not lie in `outer`. */
export function partsBelow(outer: LocationUrl, inner: LocationUrl): readonly string[] | undefined {
  const same = outer.base === inner.base && outer.suffix === inner.suffix;
  if (!same || !outer.segments.every((part, i) => inner.segments[i] === part)) return undefined;
  return inner.segments.slice(outer.segments.length);
}

/** The root of the backup that a source URL names: the URL itself, or the folder of an explicit `manifest.json`. */
export function backupRootOf(source: LocationUrl): LocationUrl {
  return source.segments.at(-1) === MANIFEST_NAME ? locationAbove(source) : source;
}

/** Absolute path of a `file` location. */
export function filePathOf(location: LocationUrl): string {
  return `/${location.segments.join('/')}`;
}

/** The `file` location of an absolute, normal path (POSIX). */
export function fileLocation(path: string): LocationUrl {
  const segments = path.split('/').filter((part) => part !== '');
  if (!path.startsWith('/') || !segments.every(isSafeSegment)) throw validationError('not an absolute, normal path');
  return build(plainParts('file', 'file://', segments));
}

function withoutHref(location: LocationUrl): Parts {
  const { kind, base, segments, suffix, host, service, container } = location;
  return { kind, base, segments, suffix, host, service, container };
}
