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
    'dry_run',
    'client_request_token',
  ]);
  const backupId = readUuid(fields, idKey);
  const source = valueOf(fields, 'source');
  if ((backupId === undefined) === (source === undefined)) {
    throw validationError(`The body must have either "${idKey}" or "source", and not both.`);
  }
  return {
    backupId,
    source,
    onExisting: readChoice(fields, 'on_existing', ON_EXISTING) ?? 'fail',
    format: readChoice(fields, 'format', RESTORE_FORMATS) ?? 'auto',
    strategy: valueOf(fields, 'strategy'),
    dryRun: readBoolean(fields, 'dry_run') ?? false,
    clientRequestToken: readClientToken(fields),
  };
}

export function parseRestoreList(query: QueryParameters): PageQuery<RestoreStatus> {
  return parsePage(query, 'exclusive_start_restore_job_id', RESTORE_STATUSES);
}
