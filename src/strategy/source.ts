import { BackupSource, Credentials, MAX_LOCATION_URL_LENGTH, parseLocationUrl, validationError } from '../kernel';
import { JsonReader } from './json-reader';
import { checkAvailable, readCredentials, readEncryption, readPlace } from './parts';
import { BUILT_IN_STRATEGIES, StrategyConfig, readName } from './resolve';
import { Encryption } from './strategy';

/** What a restore or an import is told beside its source: the secrets that are kept nowhere. */
export interface RestoreStrategy {
  readonly credentials: Credentials | undefined;
  readonly encryption: Encryption | undefined;
}

/**
 * Reads `source`: a URL, or `{url, endpoint?, credentials?}`. Where it leads to is decided by the storage room.
 * @throws DomainError `ValidationError` that names the key by its path.
 */
export function parseSource(input: unknown, path = 'source'): BackupSource {
  if (typeof input === 'string') return { url: parseLocationUrl(input, path) };
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw validationError(`${path} must be a URL or an object with a url`);
  }
  return readPlace(JsonReader.open(input, path, ['url', 'endpoint', 'credentials']), MAX_LOCATION_URL_LENGTH);
}

/**
 * Reads `strategy` of a restore or an import: `{"location": {"credentials": {…}}, "encryption": {"passphrase": "…"}}`, each optional.
 * A `name` must be known and adds nothing: an operator's credentials are never used for a source that a request names.
 * @throws DomainError `ValidationError` that names the key by its path: unknown, of the wrong type, or not available here.
 */
export function parseRestoreStrategy(input: unknown, config: StrategyConfig = BUILT_IN_STRATEGIES): RestoreStrategy {
  const reader = JsonReader.open(input === undefined ? {} : input, 'strategy', ['name', 'location', 'encryption']);
  readName(reader, config);
  const location = reader.object('location', ['type', 'credentials']);
  const type = location?.oneOf('type', ['internal', 'external']);
  const credentials = location && readCredentials(location);
  if (credentials && type === 'internal')
    throw reader.wrong('location.credentials', 'belong only to an external location');
  const encryption = readEncryption(reader);
  checkAvailable({ encryption }, config.capabilities, 'strategy');
  return { credentials, encryption };
}

/**
 * The source with the credentials of the restore's strategy, if those were given there.
 * @throws DomainError `ValidationError` if both name credentials, or the source needs none.
 */
export function sourceWith(source: BackupSource, strategy: RestoreStrategy): BackupSource {
  if (!strategy.credentials) return source;
  if (source.credentials)
    throw validationError('source.credentials and strategy.location.credentials: give only one of them');
  if (source.url.kind === 'file')
    throw validationError('strategy.location.credentials have no meaning for a file:// URL');
  return { ...source, credentials: strategy.credentials };
}
