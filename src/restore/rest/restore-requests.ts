import {
  Dialect,
  PageQuery,
  parsePage,
  readBoolean,
  readChoice,
  readClientToken,
  readObject,
  readUuid,
  valueOf,
} from '../../backup';
import { QueryParameters } from '../../http';
import { Uuid, validationError } from '../../kernel';
import { RestorePart, readExcludedAttributes, readHashKeyPrefix, readHashKeys } from '../engine/part';
import { OnExisting, RESTORE_STATUSES, RestoreStatus } from '../restore.entity';

export const ON_EXISTING: readonly OnExisting[] = ['fail', 'replace', 'merge'];

export type RestoreFormat = 'auto' | 'db-agnostic' | 'native';
export const RESTORE_FORMATS: readonly RestoreFormat[] = ['auto', 'db-agnostic', 'native'];

export interface CreateRestoreRequest {
  /** Exactly one of `backupId` and `source` is defined. */
  readonly backupId: Uuid | undefined;
  /** As given (a URL, or an object with one); the strategy room reads it. */
  readonly source: unknown;
  readonly onExisting: OnExisting;
  readonly format: RestoreFormat;
  /** As given: credentials and a passphrase for the source. */
  readonly strategy: unknown;
  /** What of the backup is restored; undefined: all of it. */
  readonly part: RestorePart | undefined;
  readonly dryRun: boolean;
  readonly clientRequestToken: string | undefined;
}

export function parseCreateRestore(body: unknown, dialect: Dialect): CreateRestoreRequest {
  const idKey = dialect.keys.restoreFrom;
  const fields = readObject(body, 'The body', [
    idKey,
    'source',
    'on_existing',
    'format',
    'strategy',
    'select',
    'exclude_attributes',
    'dry_run',
    'client_request_token',
  ]);
  const backupId = readUuid(fields, idKey);
  const source = valueOf(fields, 'source');
  if ((backupId === undefined) === (source === undefined)) {
    throw validationError(`The body must have either "${idKey}" or "source", and not both.`);
  }
  const onExisting = readChoice(fields, 'on_existing', ON_EXISTING) ?? 'fail';
  const format = readChoice(fields, 'format', RESTORE_FORMATS) ?? 'auto';
  const part = parsePart(valueOf(fields, 'select'), valueOf(fields, 'exclude_attributes'));
  if (part !== undefined && format === 'native')
    throw validationError('"format": a part of a backup is restored as "db-agnostic" (or "auto").');
  // Items that are there would lose those attributes in silence.
  if (part?.excludeAttributes !== undefined && onExisting === 'merge')
    throw validationError('"exclude_attributes" cannot go with "on_existing": "merge", which writes whole items.');
  return {
    backupId,
    source,
    onExisting,
    format,
    strategy: valueOf(fields, 'strategy'),
    part,
    dryRun: readBoolean(fields, 'dry_run') ?? false,
    clientRequestToken: readClientToken(fields),
  };
}

/** @throws DomainError ValidationError */
function parsePart(select: unknown, excludeAttributes: unknown): RestorePart | undefined {
  if (select === undefined && excludeAttributes === undefined) return undefined;
  return {
    ...(select === undefined ? {} : parseSelect(select)),
    ...(excludeAttributes === undefined ? {} : { excludeAttributes: readExcludedAttributes(excludeAttributes) }),
  };
}

function parseSelect(select: unknown): Pick<RestorePart, 'hashKeys' | 'hashKeyPrefix'> {
  const fields = readObject(select, '"select"', ['hash_keys', 'hash_key_prefix']);
  const [keys, prefix] = [valueOf(fields, 'hash_keys'), valueOf(fields, 'hash_key_prefix')];
  if ((keys === undefined) === (prefix === undefined))
    throw validationError('"select" must have either "hash_keys" or "hash_key_prefix", and not both.');
  return keys === undefined ? { hashKeyPrefix: readHashKeyPrefix(prefix) } : { hashKeys: readHashKeys(keys) };
}

export function parseRestoreList(query: QueryParameters): PageQuery<RestoreStatus> {
  return parsePage(query, 'exclusive_start_restore_job_id', RESTORE_STATUSES);
}
