import { EntityManager } from 'typeorm';
import { DomainError } from '../kernel';
import { JobView } from '../jobs';
import { BackupEntity } from './backup.entity';

/** The catalogue's row of the backup that a job works for. */
export async function findBackup(manager: EntityManager, job: JobView): Promise<BackupEntity> {
  const row = await manager.findOneBy(BackupEntity, { projectId: job.projectId, id: job.subjectId });
  if (row === null) throw new DomainError('InternalError', `backup ${job.subjectId} has no row`);
  return row;
}
