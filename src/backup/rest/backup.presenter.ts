import { JobProgress } from '../../jobs';
import { BackupEntity } from '../backup.entity';
import { AnswerContext } from './answer-context';
import { Dialect } from './dialect';
import { Answer, present, presentLastId, presentPaused, presentProgress, presentRateLimit, presentTime } from './presenting';

/** A backup with what its running job says. */
export interface BackupView {
  readonly backup: BackupEntity;
  readonly progress: JobProgress | undefined;
}

/** A backup as a client sees it. */
export function presentBackup({ backup, progress }: BackupView, { dialect, base, now }: AnswerContext): Answer {
  const { keys } = dialect;
  const deployed = dialect.name === 'deployed';
  return present({
    [keys.backupId]: dialect.id(backup.id),
    [keys.backupName]: backup.name,
    table_id: dialect.id(backup.tableId),
    table_name: backup.tableName,
    status: backup.status,
    delete_protection: backup.deleteProtection,
    [keys.startedAt]: presentTime(backup.startedAt),
    [keys.finishedAt]: presentTime(backup.finishedAt),
    strategy: presentStrategyIds(backup.strategy, dialect),
    location: deployed ? backup.locationUrl : undefined,
    links: [
      { rel: 'self', href: base + dialect.path(backup.projectId, backup.tableName, 'backups', backup.id) },
      { rel: 'location', href: backup.locationUrl },
    ],
    error: backup.error,
    paused: presentPaused(progress),
    rate_limit: presentRateLimit(progress),
    progress: presentBackupProgress(backup, progress, now),
    ...presentContents(backup, dialect),
  });
}

function presentBackupProgress(backup: BackupEntity, job: JobProgress | undefined, now: number): Answer | undefined {
  if (backup.status === 'CREATING') return presentProgress(job, backup.itemsEstimate, now);
  if (presentVerification(backup)?.['status'] !== 'RUNNING') return undefined;
  const progress = presentProgress(job, backup.itemCount, now);
  return progress && { ...progress, phase: 'verifying' };
}

/** What is known once the archive is whole. */
function presentContents(backup: BackupEntity, dialect: Dialect): Answer {
  return {
    item_count: backup.itemCount,
    size_bytes: backup.sizeBytes,
    table_size_bytes: backup.tableSizeBytes,
    format_version: backup.formatVersion,
    base_backup_id: backup.baseBackupId === null ? null : dialect.id(backup.baseBackupId),
    last_verified_at: presentTime(backup.lastVerifiedAt),
    restorable: backup.restorable,
    verification: presentVerification(backup),
    locked_milliseconds: backup.lockedMilliseconds,
  };
}

function presentVerification({ status, verification }: BackupEntity): Answer | undefined {
  // One that is deleted is verified no more.
  if (verification === null || status !== 'CREATED') return undefined;
  return present({
    status: verification.status,
    type: verification.error?.type,
    message: verification.error?.message,
    started_at: presentTime(verification.startedAt),
    finished_at: presentTime(verification.finishedAt ?? null),
  });
}

/** Ids within a strategy are written as all others in the answer. */
function presentStrategyIds(strategy: Readonly<Record<string, unknown>>, dialect: Dialect): Answer {
  const base: unknown = strategy['base_backup_id'];
  return typeof base === 'string' ? { ...strategy, base_backup_id: dialect.id(base) } : { ...strategy };
}

/** A page of a list. `last_evaluated_*_id` is there only if the page is full. */
export function presentBackupPage(views: readonly BackupView[], limit: number, context: AnswerContext): Answer {
  return {
    backups: views.map((view) => presentBackup(view, context)),
    ...presentLastId('last_evaluated_backup_id', views.at(-1)?.backup.id, views.length === limit, context.dialect),
  };
}
