import { DomainError, validationError } from '../kernel';
import type { BackupEntity } from './backup.entity';
import type { DeleteBackupQuery } from './rest/backup-requests';

/** Do the data go with the catalogue's row? */
export function removesObjects(row: Pick<BackupEntity, 'imported'>, query: DeleteBackupQuery): boolean {
  return !query.forget && (!row.imported || query.purge);
}

/** @throws DomainError ValidationError if nobody would ever find what is left behind; ConflictError while it is being made */
export function checkForgettable(row: Pick<BackupEntity, 'internal' | 'imported' | 'status'>): void {
  if (row.internal && !row.imported) throw validationError("forget: a backup in the deployment's own store is deleted with its data");
  if (row.status === 'CREATING') throw new DomainError('ConflictError', 'The backup is being made: cancel it by deleting it without "forget".');
}
