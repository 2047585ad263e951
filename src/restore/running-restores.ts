import type { EntityManager } from 'typeorm';
import { BackupEntity, BackupUsers } from '../backup';
import { DomainError } from '../kernel';
import { RestoreEntity } from './restore.entity';

/** What running restores and the deletion of backups must know of each other. Whoever comes second finds the first, and is refused. */
export class RunningRestores implements BackupUsers {
  async runningRestores(tx: EntityManager, { projectId, locationUrl }: Pick<BackupEntity, 'projectId' | 'locationUrl'>): Promise<string[]> {
    const where = { projectId, sourceUrl: locationUrl, status: 'RESTORING' as const };
    const rows = await tx.find(RestoreEntity, { select: { id: true }, where, order: { id: 'ASC' } });
    return rows.map(({ id }) => id);
  }
}

/**
 * Keeps the backup, if the project knows it, until the restore's row is there to be found.
 * @throws DomainError ConflictError if it is being deleted already
 */
export async function holdBackup(tx: EntityManager, { projectId, backupId, sourceUrl }: RestoreEntity): Promise<void> {
  if (backupId === null) return;
  const where = { projectId, id: backupId, locationUrl: sourceUrl };
  const backup = await tx.findOne(BackupEntity, { where, lock: { mode: 'pessimistic_read' } });
  if (backup?.status === 'DELETING') throw new DomainError('ConflictError', 'The backup is being deleted.');
}
