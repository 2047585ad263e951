import { EntityManager } from 'typeorm';
import { BackupCreateHandler, findBackup, targetOf, BackupCreateParams } from '../backup';
import { DomainError } from '../kernel';
import { JobError, JobView, StepContext, StepOutcome, failPoint } from '../jobs';
import { BACKUP_BEFORE_DROP_JOB, enqueueDrop, enqueueRelease, lockDropOf } from './drop-jobs';

/**
 * Makes the backup that a drop waits for: the table is DELETING before the first item is read, so the backup is the table as it was when it was
 * dropped. What becomes of the table is decided in the transaction that ends the job.
 */
export class BackupBeforeDropHandler extends BackupCreateHandler {
  override readonly kind = BACKUP_BEFORE_DROP_JOB;

  override async runStep(step: StepContext): Promise<StepOutcome> {
    if (step.stage === 'plan') await this.mark(step.job);
    return super.runStep(step);
  }

  /** The call that asked for the drop does this too, unless its process dies. */
  private async mark(job: JobView): Promise<void> {
    const drop = await this.deps.dataSource.transaction((tx) => lockDropOf(tx, job.projectId, job.subjectId));
    if (drop === null) throw new DomainError('Cancelled', 'Nobody waits for this backup any more.');
    await this.deps.backend.beginDrop(targetOf(job, job.params as BackupCreateParams).ref, drop.id);
    failPoint('drop.after-mark');
  }

  override async succeeded(job: JobView, tx: EntityManager): Promise<void> {
    await super.succeeded(job, tx);
    const drop = await lockDropOf(tx, job.projectId, job.subjectId);
    if (drop === null) return;
    const { status } = await findBackup(tx, job);
    if (status === 'CREATED') await enqueueDrop(tx, this.deps.queue, drop);
    else await enqueueRelease(tx, this.deps.queue, drop, { type: 'Cancelled', message: 'The table is kept: its backup was deleted.' });
  }

  override async failed(job: JobView, error: JobError, tx: EntityManager): Promise<void> {
    await super.failed(job, error, tx);
    const drop = await lockDropOf(tx, job.projectId, job.subjectId);
    if (drop === null) return;
    const message = `The table is kept, since it could not be backed up: ${error.message}`;
    await enqueueRelease(tx, this.deps.queue, drop, { type: error.type, message });
  }
}
