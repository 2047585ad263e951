import { Uuid, validationError } from '../../kernel';
import { parseChoice, parseIdParam, parseLimit, QueryParameters, queryText, rejectUnknownQuery } from '../../http';
import { RateLimit } from '../../jobs';
import { BACKUP_STATUSES, BackupStatus } from '../backup.entity';
import { Dialect } from './dialect';
import { checkName, JsonBody, readBoolean, readClientToken, readInteger, readName, readObject, valueOf } from './json-body';

export interface CreateBackupRequest {
  readonly name: string;
  /** As given; the strategy room reads it. */
  readonly strategy: unknown;
  /** May the backup not be deleted until this is taken away? */
  readonly deleteProtection: boolean;
  readonly clientRequestToken: string | undefined;
}

export function parseCreateBackup(body: unknown, dialect: Dialect): CreateBackupRequest {
  const key = dialect.keys.backupName;
  const fields = readObject(body, 'The body', [key, 'strategy', 'delete_protection', 'client_request_token']);
  return {
    name: readName(fields, key),
    strategy: valueOf(fields, 'strategy'),
    deleteProtection: readBoolean(fields, 'delete_protection') ?? false,
    clientRequestToken: readClientToken(fields),
  };
}

/** What PATCH changes on a running job. Undefined: left as it is; a rate limit of null: removed. */
export interface JobChange {
  readonly paused?: boolean;
  readonly rateLimit?: RateLimit | null;
}

/** Of a restore. */
export function parseJobChange(body: unknown): JobChange {
  const fields = readObject(body, 'The body', ['rate_limit', 'paused']);
  const change = readJobChange(fields, RATES);
  if (change === undefined) throw validationError('The body must have "rate_limit" or "paused".');
  return change;
}

/** What PATCH changes on a backup: on its running job, and on itself. */
export interface BackupChange {
  /** Undefined: nothing is asked of a job. */
  readonly job: JobChange | undefined;
  /** Undefined: left as it is. */
  readonly deleteProtection: boolean | undefined;
}

export function parseBackupChange(body: unknown): BackupChange {
  const fields = readObject(body, 'The body', ['rate_limit', 'paused', 'delete_protection']);
  const change = { job: readJobChange(fields, [...RATES, 'requests_in_flight']), deleteProtection: readBoolean(fields, 'delete_protection') };
  if (change.job === undefined && change.deleteProtection === undefined)
    throw validationError('The body must have "rate_limit", "paused" or "delete_protection".');
  return change;
}

const RATES = ['bytes_per_second', 'items_per_second'] as const;

type Limit = (typeof RATES)[number] | 'requests_in_flight';

function readJobChange(fields: JsonBody, limits: readonly Limit[]): JobChange | undefined {
  const paused = readBoolean(fields, 'paused');
  const rateLimit = parseRateLimit(valueOf(fields, 'rate_limit'), limits);
  if (paused === undefined && rateLimit === undefined) return undefined;
  return { ...(paused === undefined ? {} : { paused }), ...(rateLimit === undefined ? {} : { rateLimit }) };
}

/** @param known the limits that the job heeds */
function parseRateLimit(value: unknown, known: readonly Limit[]): RateLimit | null | undefined {
  if (value === undefined || value === null) return value;
  const limits = readObject(value, '"rate_limit"', known);
  const bytesPerSecond = readInteger(limits, 'bytes_per_second', 1);
  const itemsPerSecond = readInteger(limits, 'items_per_second', 1);
  const requestsInFlight = readInteger(limits, 'requests_in_flight', 1);
  if (bytesPerSecond === undefined && itemsPerSecond === undefined && requestsInFlight === undefined) {
    throw validationError(`"rate_limit" must have ${known.map((name) => `"${name}"`).join(' or ')}, or be null.`);
  }
  return {
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    ...(itemsPerSecond === undefined ? {} : { itemsPerSecond }),
    ...(requestsInFlight === undefined ? {} : { requestsInFlight }),
  };
}

export const DEFAULT_PAGE = 100;
export const MAX_PAGE = 1000;

/** A page of a list in ascending order of ids. */
export interface PageQuery<Status extends string> {
  readonly limit: number;
  /** Exclusive. Any well-formed id serves, whether or not it exists. */
  readonly after: Uuid | undefined;
  readonly status: Status | undefined;
}

export interface BackupListQuery extends PageQuery<BackupStatus> {
  /** Exact. */
  readonly name: string | undefined;
}

export function parseBackupList(query: QueryParameters): BackupListQuery {
  const page = parsePage(query, 'exclusive_start_backup_id', BACKUP_STATUSES, ['name']);
  const name = queryText(query, 'name');
  return { ...page, name: name === undefined ? undefined : checkName(name, 'name') };
}

export function parsePage<Status extends string>(
  query: QueryParameters,
  startKey: string,
  statuses: readonly Status[],
  otherKeys: readonly string[] = [],
): PageQuery<Status> {
  rejectUnknownQuery(query, ['limit', startKey, 'status', ...otherKeys]);
  const start = queryText(query, startKey);
  return {
    limit: parseLimit(queryText(query, 'limit'), { default: DEFAULT_PAGE, max: MAX_PAGE }),
    after: start === undefined ? undefined : parseIdParam(start, startKey),
    status: parseChoice(queryText(query, 'status'), 'status', statuses),
  };
}

export interface DeleteBackupQuery {
  /** An imported backup: delete its data too. */
  readonly purge: boolean;
  /** One that lies outside: only take it out of the catalogue. */
  readonly forget: boolean;
  /** A parent of incrementals: delete these too. */
  readonly cascade: boolean;
}

export function parseDeleteBackup(query: QueryParameters): DeleteBackupQuery {
  rejectUnknownQuery(query, ['purge', 'forget', 'cascade']);
  const flag = (name: string): boolean => parseChoice(queryText(query, name), name, ['true', 'false']) === 'true';
  const wanted = { purge: flag('purge'), forget: flag('forget'), cascade: flag('cascade') };
  if (wanted.purge && wanted.forget) throw validationError('purge and forget exclude each other');
  return wanted;
}
