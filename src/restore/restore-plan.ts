import { DomainError, ErrorCode, TableDescription, TableSchema, Uuid, sameStructure, validationError } from '../kernel';
import { RestorePart } from './engine/part';
import { OnExisting } from './restore.entity';

/** What stands in a restore's way: the error that it would answer with. */
export interface RestoreConflict {
  readonly type: ErrorCode;
  readonly message: string;
  /** For a locked table: when to come back. */
  readonly retryAfterSeconds?: number | undefined;
}

/** What a restore would do. */
export interface RestorePlan {
  readonly projectId: string;
  readonly tableName: string;
  /** The structure of the table afterwards. */
  readonly schema: TableSchema;
  readonly itemCount: number;
  /** Bytes to be read, as stored. */
  readonly sizeBytes: number;
  readonly tableSizeBytes: number;
  /** Backups to be read, oldest first; the last is the one that is restored. */
  readonly chain: readonly Uuid[];
  readonly format: 'db-agnostic' | 'native';
  readonly formatReason: string;
  readonly onExisting: OnExisting;
  /** What of the backup is restored; undefined: all of it. Counts and sizes are those of the whole. */
  readonly part: RestorePart | undefined;
  /** The table that is there now. */
  readonly target: TableDescription | undefined;
  readonly conflict: RestoreConflict | undefined;
}

/** What decides which lane a restore takes. */
export interface FormatFacts {
  readonly asked: 'auto' | 'db-agnostic' | 'native';
  /** The layout of the backup's rows, if it is native. */
  readonly backupFormat: string | undefined;
  /** The layout of the tables' own rows, if their backend has one. */
  readonly tablesFormat: string | undefined;
  /** Do the files lie in the deployment's own store, or may the caller hand others to the database as they are? */
  readonly trusted: boolean;
  /** Why this restore goes item by item, if it does. */
  readonly itemByItem: string | undefined;
}

/**
 * Which lane a restore takes, and why: told to the client.
 * @throws DomainError ValidationError: a lane that is not there; Forbidden: native files from outside
 */
export function chooseFormat(facts: FormatFacts): { format: 'db-agnostic' | 'native'; formatReason: string } {
  const { asked, backupFormat, tablesFormat, trusted, itemByItem } = facts;
  const portable = (formatReason: string) => ({ format: 'db-agnostic' as const, formatReason });
  if (backupFormat === undefined) {
    if (asked === 'native')
      throw validationError(
        '"format": the backup is portable, and holds no native files; use "db-agnostic" or "auto".',
      );
    return portable(asked === 'auto' ? 'The backup is portable, and holds no native files.' : 'It was asked for.');
  }
  if (asked === 'db-agnostic') return portable('It was asked for: items are read out of the native files.');
  if (backupFormat !== tablesFormat)
    throw validationError(
      `"format": a native backup of the layout "${backupFormat}" goes into tables of the same kind only; "db-agnostic" reads its items instead.`,
    );
  if (itemByItem !== undefined) {
    if (asked === 'native') throw validationError(`"format": ${itemByItem}, so not as "native".`);
    return portable(`The backup is native, but ${itemByItem}.`);
  }
  if (!trusted) {
    if (asked === 'native')
      throw new DomainError(
        'Forbidden',
        'The policy rule "restore:native:external" does not let you restore native files from outside as they are.',
      );
    return portable(
      'The backup is native, but lies outside: without the policy rule "restore:native:external", items are read and checked one by one.',
    );
  }
  return {
    format: 'native',
    formatReason: asked === 'native' ? 'It was asked for.' : 'The backup is native, and the tables are of its kind.',
  };
}

export interface TargetFacts {
  readonly onExisting: OnExisting;
  /** The backup's structure. */
  readonly schema: TableSchema;
  readonly target: TableDescription | undefined;
  /** Does the target hold any item? */
  readonly targetHasItems: boolean;
  readonly otherRestoreRuns: boolean;
  /** Do all writers know of locks and swaps? */
  readonly exclusiveGateways: boolean;
  readonly backendReplaces: boolean;
}

/** What stands in the way of a restore onto this target; undefined: nothing. */
export function findConflict(facts: TargetFacts): RestoreConflict | undefined {
  const { target, onExisting } = facts;
  if (facts.otherRestoreRuns) return conflict('Another restore onto this table is running.');
  if (target === undefined) return undefined;
  if (target.status !== 'ACTIVE' && target.status !== 'MAINTENANCE')
    return conflict(`The table is in status ${target.status}.`);
  const sameAsBackup = sameStructure(facts.schema, target.schema);
  switch (onExisting) {
    case 'fail':
      if (facts.targetHasItems) return conflict('The table has items; "on_existing" says what to do with them.');
      return sameAsBackup ? undefined : conflict('The table has another structure than the backup.');
    case 'merge':
      return sameAsBackup
        ? undefined
        : conflict('The table has another structure than the backup: it cannot be merged into.');
    case 'replace':
      if (!facts.backendReplaces) return conflict('The tables of this deployment cannot be replaced in one step.');
      if (!facts.exclusiveGateways) {
        return conflict(
          '"replace" needs a deployment whose gateways all know of it: the operator states so with exclusive_gateways.',
        );
      }
      return undefined;
  }
}

function conflict(message: string): RestoreConflict {
  return { type: 'ConflictError', message };
}

export function conflictError({ type, message, retryAfterSeconds }: RestoreConflict): DomainError {
  return new DomainError(type, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}
