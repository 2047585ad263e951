import { Credentials, REDACTED, Secret, StoreLocation, Uuid } from '../kernel';

export const BACKUP_TYPES = ['full', 'incremental'] as const;
export type BackupType = (typeof BACKUP_TYPES)[number];

export const BACKUP_FORMATS = ['db-agnostic', 'native'] as const;
export type BackupFormat = (typeof BACKUP_FORMATS)[number];

export const COMPRESSIONS = ['zstd', 'gzip', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

export type Encryption =
  { readonly kind: 'key'; readonly keyId: string } | { readonly kind: 'passphrase'; readonly passphrase: Secret };

/** A strategy with every choice made. Secrets in it are `Secret`s: they serialise, log and print as `***`. */
export interface ResolvedStrategy {
  /** As the client gave it; undefined if it gave none. */
  readonly name: string | undefined;
  readonly type: BackupType;
  readonly format: BackupFormat;
  readonly location: StoreLocation;
  readonly compression: Compression;
  readonly encryption: Encryption | undefined;
  /** Only with `incremental`. */
  readonly baseBackupId: Uuid | undefined;
}

/** What this deployment can do; the rest is refused, never silently replaced. */
export interface StrategyCapabilities {
  readonly incremental: boolean;
  readonly native: boolean;
  readonly encryption: boolean;
}

/** What this release can do, if the tables' backend and the operator let it. */
export const CURRENT_CAPABILITIES: StrategyCapabilities = { incremental: false, native: true, encryption: false };

export type StrategyJson = { [key: string]: string | StrategyJson };

/** The strategy as answers show it: flat, in the contract's keys, with `name` as given and `***` for every secret. Good to be stored. */
export function presentStrategy(strategy: ResolvedStrategy): StrategyJson {
  const { location, encryption } = strategy;
  const shown = strategyWithoutSecrets(strategy);
  if (location.type === 'external' && location.credentials) {
    shown.location = { ...locationJson(location), credentials: presentCredentials(location.credentials) };
  }
  if (encryption?.kind === 'passphrase') shown.encryption = { passphrase: REDACTED };
  return shown;
}

/** The strategy for manifests and notifications: as in answers, but what is secret is not even hinted at. */
export function strategyWithoutSecrets(strategy: ResolvedStrategy): StrategyJson {
  const { name, type, format, location, compression, encryption, baseBackupId } = strategy;
  return {
    ...(name !== undefined && { name }),
    type,
    format,
    location: locationJson(location),
    compression,
    ...(encryption?.kind === 'key' && { encryption: { key_id: encryption.keyId } }),
    ...(baseBackupId !== undefined && { base_backup_id: baseBackupId }),
  };
}

function locationJson(location: StoreLocation): StrategyJson {
  return location.type === 'internal' ? { type: 'internal' } : { type: 'external', ...location.url.given };
}

function presentCredentials(credentials: Credentials): StrategyJson {
  return Object.fromEntries([...credentials.keys()].map((key) => [key, REDACTED]));
}
