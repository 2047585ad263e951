import type { Compression } from '../archive';

export const BACKUP_CREATE_JOB = 'backup.create';
/** The same for a native backup: processes of before, which would make a portable one of it, leave it alone. */
export const BACKUP_CREATE_NATIVE_JOB = 'backup.create.native';
export const BACKUP_DELETE_JOB = 'backup.delete';
export const BACKUP_VERIFY_JOB = 'backup.verify';

/** Params of a `backup.create` or `backup.create.native` job; `subjectId` is the backup's id. A type, not an interface, so that it is plain JSON to the compiler. */
export type BackupCreateParams = {
  readonly tableName: string;
  readonly tableId: string;
  /** The content that was asked to be backed up: another one at any later time is `TableChanged`. */
  readonly generation: string;
  /** The archive's own root URL. */
  readonly locationUrl: string;
  readonly internal: boolean;
  readonly compression: Compression;
};

/** Params of a `backup.delete` job; `subjectId` is the backup's id. */
export type BackupDeleteParams = {
  readonly locationUrl: string;
  readonly internal: boolean;
  /** False: only the catalogue's row goes (an imported backup without `purge`). */
  readonly removeObjects: boolean;
};

/** Params of a `backup.verify` job; `subjectId` is the backup's id. */
export type BackupVerifyParams = {
  readonly locationUrl: string;
  readonly internal: boolean;
};
