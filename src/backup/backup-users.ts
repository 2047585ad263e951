import type { EntityManager } from 'typeorm';
import type { BackupEntity } from './backup.entity';

/** Who reads a backup's objects at the moment, so that they must stay. */
export interface BackupUsers {
  /** Ids of the restore jobs that run from where this backup lies, in ascending order, as the transaction sees them. */
  runningRestores(tx: EntityManager, backup: Pick<BackupEntity, 'projectId' | 'locationUrl'>): Promise<string[]>;
}

/** Injection token of it. */
export const BACKUP_USERS = Symbol('BackupUsers');
