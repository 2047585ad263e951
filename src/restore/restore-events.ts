import { isoTime } from '../kernel';
import type { NewEvent } from '../notifications';
import type { RestoreEntity } from './restore.entity';

/** The notification of a restore. Payload keys: MagnetoDB's events, extended (docs/notifications.md). */
export function restoreEvent(jobId: string, phase: 'start' | 'end' | 'error', row: RestoreEntity): NewEvent {
  return {
    jobId,
    operation: 'restore',
    phase,
    payload: {
      project_id: row.projectId,
      table_name: row.tableName,
      ...(row.tableId === null ? {} : { table_id: row.tableId }),
      restore_job_id: row.id,
      ...(row.backupId === null ? {} : { backup_id: row.backupId }),
      source: row.sourceUrl,
      status: row.status,
      start_date_time: isoTime(row.startedAt),
      ...(row.finishedAt === null ? {} : { finish_date_time: isoTime(row.finishedAt) }),
      ...itemCountOf(row),
      ...(phase === 'error' && row.error !== null ? { error: { type: row.error.type, message: row.error.message } } : {}),
    },
  };
}

/** Of a part it is known only once all was read. */
function itemCountOf({ part, itemsTotal, itemsRestored }: RestoreEntity): { item_count?: number } {
  const count = part ? itemsRestored : itemsTotal;
  return count === null ? {} : { item_count: count };
}
