import { EntityManager } from 'typeorm';
import { DomainError, ERROR_CODES, newId } from '../kernel';
import { JobError, JobQueue } from '../jobs';
import { TableDropEntity } from './table-drop.entity';

/** Makes the backup; its end begins the next job. Processes of a version that does not know of it leave it alone. */
export const BACKUP_BEFORE_DROP_JOB = 'backup.before_drop';
/** Drops the table or, failing, sets it free. */
export const TABLE_DROP_JOB = 'table.drop';

/** Params of a `table.drop` job; `subjectId` is the drop's id. */
export type TableDropParams = { readonly tableName: string; readonly tableId: string };

/** The backup is there: the table goes. */
export async function enqueueDrop(tx: EntityManager, queue: JobQueue, drop: TableDropEntity): Promise<void> {
  drop.status = 'DROPPING';
  await enqueue(tx, queue, drop);
}

/** There will be no backup: the table stays. A job that is to fail before it begins does nothing but its cleanup. */
export async function enqueueRelease(tx: EntityManager, queue: JobQueue, drop: TableDropEntity, error: JobError): Promise<void> {
  drop.status = 'RELEASING';
  drop.error = error;
  await enqueue(tx, queue, drop);
  const code = ERROR_CODES.find((each) => each === error.type) ?? 'InternalError';
  await queue.cancel(tx, drop.jobId, new DomainError(code, error.message));
}

async function enqueue(tx: EntityManager, queue: JobQueue, drop: TableDropEntity): Promise<void> {
  drop.jobId = newId();
  const params: TableDropParams = { tableName: drop.tableName, tableId: drop.tableId };
  await queue.enqueue(tx, { id: drop.jobId, kind: TABLE_DROP_JOB, projectId: drop.projectId, subjectId: drop.id, params });
  await tx.save(drop);
}

/** The drop that waits for this backup, locked; null: none does any more. */
export function lockDropOf(tx: EntityManager, projectId: string, backupId: string): Promise<TableDropEntity | null> {
  return tx.findOne(TableDropEntity, { where: { projectId, backupId, status: 'BACKING_UP' }, lock: { mode: 'pessimistic_write' } });
}
