import { DataSource, EntityManager } from 'typeorm';
import { deleteArchive } from '../archive';
import { BACKUP_DELETE_JOB, BackupDeleteParams, BackupEntity, TypeormBackupLedger, backupEvent, findBackup } from '../backup';
import { Clock } from '../kernel';
import { JobError, JobHandler, JobView, StepContext, StepOutcome, failPoint } from '../jobs';
import { Notifier } from '../notifications';
import { ObjectStoreRegistry } from '../storage';

export interface BackupDeleteDependencies {
  readonly dataSource: DataSource;
  readonly stores: ObjectStoreRegistry;
  readonly notifier: Notifier;
  readonly clock: Clock;
}

/** Deletes a backup: its archive in a resumable order, then its row. */
export class BackupDeleteHandler implements JobHandler {
  readonly kind = BACKUP_DELETE_JOB;
  readonly stages = ['remove'] as const;
  readonly cleanupStage = 'cleanup';

  constructor(private readonly deps: BackupDeleteDependencies) {}

  async runStep(step: StepContext): Promise<StepOutcome> {
    const params = step.job.params as BackupDeleteParams;
    if (step.stage === 'remove' && params.removeObjects) await this.remove(step, params);
    return {};
  }

  private async remove(step: StepContext, params: BackupDeleteParams): Promise<void> {
    const store = await this.deps.stores.openFor({ url: params.locationUrl, internal: params.internal }, step.job);
    const { manager } = this.deps.dataSource;
    const row = await findBackup(manager, step.job);
    const names = hasLedger(row) ? await new TypeormBackupLedger(manager, row.id).names() : [];
    await deleteArchive(store, { signal: step.signal, names, onDeleted: () => failPoint('delete.after-object') });
  }

  async started(job: JobView, tx: EntityManager): Promise<void> {
    await this.deps.notifier.enqueue(tx, backupEvent(job.id, 'delete', 'start', await findBackup(tx, job)));
  }

  async succeeded(job: JobView, tx: EntityManager): Promise<void> {
    const row = await findBackup(tx, job);
    await this.deps.notifier.enqueue(tx, backupEvent(job.id, 'delete', 'end', row));
    if (hasLedger(row)) await new TypeormBackupLedger(tx, row.id).clear();
    await tx.delete(BackupEntity, { projectId: row.projectId, id: row.id });
  }

  async failed(job: JobView, error: JobError, tx: EntityManager): Promise<void> {
    const row = await findBackup(tx, job);
    row.status = 'DELETE_FAILED';
    row.error = error;
    row.restorable = false;
    row.finishedAt = this.deps.clock.now();
    await tx.save(row);
    await this.deps.notifier.enqueue(tx, backupEvent(job.id, 'delete', 'error', row));
  }
}

/** The id of an imported backup is a stranger's word: the ledger under it may be that of another project's backup. */
function hasLedger(row: BackupEntity): boolean {
  return !row.imported;
}
