import {
  BackupSource,
  Credentials,
  DomainError,
  Secret,
  StoreLocation,
  hasLoneSurrogate,
  parseLocationUrl,
  parseUuid,
  validationError,
} from '../kernel';
import { JsonReader } from './json-reader';
import {
  BACKUP_FORMATS,
  BACKUP_TYPES,
  COMPRESSIONS,
  BackupFormat,
  BackupType,
  Compression,
  Encryption,
  StrategyCapabilities,
} from './strategy';

/** The choices that one strategy object makes; what it leaves out is undefined. */
export interface StrategyParts {
  readonly type: BackupType | undefined;
  readonly format: BackupFormat | undefined;
  readonly location: StoreLocation | undefined;
  readonly compression: Compression | undefined;
  readonly encryption: Encryption | undefined;
  readonly baseBackupId: string | undefined;
}

export const PART_KEYS = ['type', 'format', 'location', 'compression', 'encryption', 'base_backup_id'] as const;

/** Of what a strategy names. Shorter than what can be read, since backups lie below it. */
const MAX_URL_LENGTH = 2048;
const MAX_CREDENTIALS = 16;
const MAX_CREDENTIAL_LENGTH = 8192;
const MAX_PASSPHRASE_LENGTH = 1024;

/** Reads what a strategy object says: its syntax only, so that what is wrong is said before what is not available. */
export function readParts(reader: JsonReader): StrategyParts {
  return {
    type: reader.oneOf('type', BACKUP_TYPES),
    format: reader.oneOf('format', BACKUP_FORMATS),
    location: readLocation(reader),
    compression: reader.oneOf('compression', COMPRESSIONS),
    encryption: readEncryption(reader),
    baseBackupId: readBase(reader),
  };
}

/** @throws DomainError `ValidationError` for a choice that is well formed and that this deployment cannot do. */
export function checkAvailable(
  parts: Partial<Pick<StrategyParts, 'type' | 'format' | 'encryption'>>,
  capabilities: StrategyCapabilities,
  path: string,
): void {
  const missing = (key: string, what: string): DomainError =>
    validationError(`${path}.${key}: ${what} not available in this deployment`);
  if (parts.type === 'incremental' && !capabilities.incremental) throw missing('type', 'incremental backups are');
  if (parts.format === 'native' && !capabilities.native) throw missing('format', 'native backups are');
  if (parts.encryption && !capabilities.encryption) throw missing('encryption', 'encryption is');
}

function readLocation(reader: JsonReader): StoreLocation | undefined {
  const location = reader.object('location', ['type', 'url', 'endpoint', 'credentials']);
  if (!location) return undefined;
  const type = location.oneOf('type', ['internal', 'external']);
  if (type === undefined) throw location.wrong('type', 'is missing: "internal" or "external"');
  if (type === 'external') return { type, ...readPlace(location) };
  const stray = location.keys().find((key) => key !== 'type');
  if (stray !== undefined) throw location.wrong(stray, 'belongs only to an external location');
  return { type };
}

/** `url`, `endpoint` and `credentials` of an external location or a source. */
export function readPlace(reader: JsonReader, maxLength = MAX_URL_LENGTH): BackupSource {
  const text = reader.text('url', maxLength);
  if (text === undefined) throw reader.wrong('url', 'is missing');
  const url = parseLocationUrl(text, reader.at('url'), reader.text('endpoint', maxLength));
  if (url.href.length > maxLength)
    throw reader.wrong('url', `must have at most ${maxLength} characters once percent-encoded`);
  const credentials = readCredentials(reader);
  if (credentials && url.kind === 'file') throw reader.wrong('credentials', 'have no meaning for a file:// URL');
  return credentials ? { url, credentials } : { url };
}

export function readCredentials(reader: JsonReader): Credentials | undefined {
  const object = reader.object('credentials', undefined);
  if (!object) return undefined;
  const names = object.keys();
  if (names.length < 1 || names.length > MAX_CREDENTIALS)
    throw reader.wrong('credentials', `must have 1 to ${MAX_CREDENTIALS} keys`);
  const credentials = new Map<string, Secret>();
  for (const name of names) {
    if (!/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(name)) {
      // Not repeated: whoever mixes up key and value would find the secret in a message.
      throw reader.wrong('credentials', 'must have keys of letters, digits, dots, dashes and underscores, 64 at most');
    }
    credentials.set(name, new Secret(object.text(name, MAX_CREDENTIAL_LENGTH) ?? ''));
  }
  return credentials;
}

export function readEncryption(reader: JsonReader): Encryption | undefined {
  const object = reader.object('encryption', ['key_id', 'passphrase']);
  if (!object) return undefined;
  const keyId = object.text('key_id', 255);
  const passphrase = object.text('passphrase', MAX_PASSPHRASE_LENGTH);
  if ((keyId === undefined) === (passphrase === undefined))
    throw reader.wrong('encryption', 'must have either key_id or passphrase');
  if (passphrase !== undefined) {
    if (hasLoneSurrogate(passphrase)) throw object.wrong('passphrase', 'must be well-formed Unicode');
    return { kind: 'passphrase', passphrase: new Secret(passphrase) };
  }
  if (!/^[A-Za-z0-9_.:/-]+$/.test(keyId ?? ''))
    throw object.wrong('key_id', 'must have letters, digits and _ . : / - only');
  return { kind: 'key', keyId: keyId ?? '' };
}

function readBase(reader: JsonReader): string | undefined {
  const text = reader.text('base_backup_id', 64);
  const id = text === undefined ? undefined : parseUuid(text);
  if (text !== undefined && id === undefined) throw reader.wrong('base_backup_id', 'must be a UUID');
  return id;
}
