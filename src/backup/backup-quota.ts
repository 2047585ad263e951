import { EntityManager } from 'typeorm';
import { DomainError, Quotas, TableDescription } from '../kernel';
import { BackupEntity } from './backup.entity';

/**
 * Holds a project to the backups and stored bytes that it may have. Whoever asks waits, until its transaction ends, for others of
 * the project: no two can take the last place, or the last byte.
 */
export class BackupQuota {
  constructor(private readonly quotas: Quotas) {}

  /**
   * One more backup of this table, in the transaction that makes its row.
   * @throws DomainError BackupQuotaExceeded
   */
  async admit(tx: EntityManager, { projectId, sizeBytes }: TableDescription): Promise<void> {
    const { maxBackups, maxBackupBytes } = this.quotas.of(projectId);
    if (maxBackups === undefined && maxBackupBytes === undefined) return;
    await waitForOthers(tx, projectId);
    if (maxBackups !== undefined) {
      const count = await tx.countBy(BackupEntity, { projectId });
      if (count >= maxBackups)
        throw exceeded(`The project has ${count} backups of the ${maxBackups} that it may have, and asks for 1 more: delete some first.`);
    }
    if (maxBackupBytes !== undefined) {
      const used = await usedBytes(tx, projectId);
      if (used >= maxBackupBytes)
        throw exceeded(
          `The project’s backups take ${used} bytes of the ${maxBackupBytes} that they may, and the table has about ${Math.round(sizeBytes)}: delete some first.`,
        );
    }
  }

  /**
   * Bytes were stored for a backup that is being made: in the transaction that writes them down.
   * @throws DomainError BackupQuotaExceeded
   */
  async checkStored(tx: EntityManager, projectId: string): Promise<void> {
    const { maxBackupBytes } = this.quotas.of(projectId);
    if (maxBackupBytes === undefined) return;
    await waitForOthers(tx, projectId);
    const used = await usedBytes(tx, projectId);
    if (used > maxBackupBytes)
      throw exceeded(`With this one, the project’s backups would take at least ${used} bytes; they may take ${maxBackupBytes}.`);
  }
}

async function waitForOthers(tx: EntityManager, projectId: string): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`backup-quota:${projectId}`]);
}

/** Whole backups by their size; of all others what the ledger says that is stored. */
async function usedBytes(tx: EntityManager, projectId: string): Promise<number> {
  const [row]: { used: string }[] = await tx.query(
    `SELECT coalesce(sum(CASE WHEN whole THEN size_bytes ELSE (
         SELECT sum((o.entry ->> 'stored_bytes')::bigint) FROM magnetodb_backup.backup_objects o WHERE o.backup_id = b.id) END), 0) AS used
       FROM (SELECT id, size_bytes, size_bytes IS NOT NULL AND status NOT IN ('CREATING', 'CREATE_FAILED') AS whole
               FROM magnetodb_backup.backups WHERE project_id = $1 AND NOT imported) b`,
    [projectId],
  );
  return Number(row?.used);
}

function exceeded(message: string): DomainError {
  return new DomainError('BackupQuotaExceeded', message);
}
