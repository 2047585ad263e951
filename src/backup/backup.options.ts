import { BaseUrlOptions } from '../http';

/** Injection token of the settings of the backup and restore calls. */
export const BACKUP_OPTIONS = Symbol('BackupOptions');

/** Settings of the backup and restore calls. */
export interface BackupOptions extends BaseUrlOptions {
  /**
   * The operator's word that every process that writes to the tables is a gateway that knows of locks and swaps: without it,
   * `replace` is refused. Absent: what the tables' backend says of itself.
   */
  readonly exclusiveGateways?: boolean;
}
