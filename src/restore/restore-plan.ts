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
  readonly format: 'db-agnostic';
  readonly formatReason: string;
  readonly onExisting: OnExisting;
  /** What of the backup is restored; undefined: all of it. Counts and sizes are those of the whole. */
  readonly part: RestorePart | undefined;
  /** The table that is there now. */
  readonly target: TableDescription | undefined;
  readonly conflict: RestoreConflict | undefined;
}

/** Which lane a restore takes, and why: told to the client. @throws DomainError ValidationError: one that is not there. */
export function chooseFormat(asked: 'auto' | 'db-agnostic' | 'native'): {
  format: 'db-agnostic';
  formatReason: string;
} {
  switch (asked) {
    case 'native':
      throw validationError(
        '"format": native restores are not available in this deployment; use "db-agnostic" or "auto".',
      );
    case 'db-agnostic':
      return { format: 'db-agnostic', formatReason: 'It was asked for.' };
    case 'auto':
      return { format: 'db-agnostic', formatReason: 'The backup is portable, and holds no native files.' };
  }
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
