import { isoTime } from '../kernel';
import type { NewEvent } from '../notifications';
import type { BackupEntity } from './backup.entity';

export type EventPhase = 'start' | 'end' | 'error';

/** The notification of a backup's creation or deletion. Payload keys: MagnetoDB's events, extended (docs/notifications.md). */
export function backupEvent(jobId: string, operation: 'create' | 'delete', phase: EventPhase, row: BackupEntity): NewEvent {
  return {
    jobId,
    operation: `backup.${operation}`,
    phase,
    payload: {
      project_id: row.projectId,
      table_name: row.tableName,
      table_id: row.tableId,
      backup_id: row.id,
      backup_name: row.name,
      status: row.status,
      strategy: row.strategy,
      start_date_time: isoTime(row.startedAt),
      ...(row.finishedAt === null ? {} : { finish_date_time: isoTime(row.finishedAt) }),
      ...(row.itemCount === null ? {} : { item_count: row.itemCount }),
      ...(row.sizeBytes === null ? {} : { size_bytes: row.sizeBytes }),
      ...(phase === 'error' && row.error !== null ? { error: { type: row.error.type, message: row.error.message } } : {}),
    },
  };
}
