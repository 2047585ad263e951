import { isoTime } from '../kernel';
import type { JobError } from '../jobs';
import type { NewEvent } from '../notifications';
import type { TableDropEntity } from './table-drop.entity';

/** The notification of a drop that is backed up first. One that is not has none. */
export function dropEvent(phase: 'start' | 'end' | 'error', drop: TableDropEntity, error?: JobError): NewEvent {
  return {
    jobId: drop.id,
    operation: 'table.drop',
    phase,
    payload: {
      project_id: drop.projectId,
      table_name: drop.tableName,
      table_id: drop.tableId,
      backup_id: drop.backupId,
      status: phase === 'error' ? 'ACTIVE' : 'DELETING',
      start_date_time: isoTime(drop.startedAt),
      ...(error === undefined ? {} : { error: { type: error.type, message: error.message } }),
    },
  };
}
