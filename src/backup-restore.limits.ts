import { BACKUP_CREATE_JOB, BACKUP_CREATE_NATIVE_JOB } from './backup';
import type { BackupRestoreOptions } from './backup-restore.options';
import { RateLimit, SharedLimit, outsideKind } from './jobs';
import { BACKUP_BEFORE_DROP_JOB } from './protection';

/** What all backups without a limit of their own share (docs/adr/0018-pace-of-backups.md): the operator's word, else the backend's. */
export function backupLimit({ tables, jobs }: Pick<BackupRestoreOptions, 'tables' | 'jobs'>): SharedLimit {
  const kinds = [BACKUP_CREATE_JOB, BACKUP_CREATE_NATIVE_JOB, BACKUP_BEFORE_DROP_JOB].flatMap((kind) => [kind, outsideKind(kind)]);
  const chosen = jobs?.backupLimit;
  const limit = (): RateLimit | null => {
    const told = tables.backupLimit();
    const bytesPerSecond = chosen?.bytesPerSecond === undefined ? told?.bytesPerSecond : chosen.bytesPerSecond;
    const requestsInFlight = chosen?.requestsInFlight === undefined ? told?.requestsInFlight : chosen.requestsInFlight;
    const both = {
      ...(typeof bytesPerSecond === 'number' ? { bytesPerSecond } : {}),
      ...(typeof requestsInFlight === 'number' ? { requestsInFlight } : {}),
    };
    return Object.keys(both).length === 0 ? null : both;
  };
  return { kinds, limit };
}
