import type { RestorePart } from './engine/part';
import type { OnExisting } from './restore.entity';

export const RESTORE_JOB = 'restore.whole';
/**
 * What version 0.1.0 calls it. Its processes may work on such a job side by side with ours, so its steps hold only what they can read; no new one is
 * begun. (A change of what steps hold is a new kind: docs/operations.md, "Upgrades".)
 */
export const FIRST_RESTORE_JOB = 'restore';
/** Restores of a part are jobs of a kind of their own: a process of a version that would restore everything leaves them alone. */
export const RESTORE_PART_JOB = 'restore.part';
/** So are restores of native backups, whichever lane they take. */
export const RESTORE_NATIVE_JOB = 'restore.native';

export const RESTORE_KINDS = [RESTORE_JOB, FIRST_RESTORE_JOB, RESTORE_PART_JOB, RESTORE_NATIVE_JOB] as const;
export type RestoreKind = (typeof RESTORE_KINDS)[number];

/** Params of a restore's job; `subjectId` is the restore job's id, which is also the build's id. */
export type RestoreParams = {
  readonly tableName: string;
  /** The archive's root URL. */
  readonly sourceUrl: string;
  /** Does it lie in the deployment's own store? */
  readonly internal: boolean;
  /** The backup that was named, if one was: the manifest must be its. */
  readonly backupId: string | null;
  readonly onExisting: OnExisting;
  /** The target as it was when the restore was asked for; null: there was none. */
  readonly target: { readonly tableId: string; readonly generation: string } | null;
  /** What of the backup is restored; absent: all of it. */
  readonly part?: RestorePart;
  /** Of a native backup: do its rows go into the tables as they are, or are items read out of them? */
  readonly format?: 'db-agnostic' | 'native';
};
