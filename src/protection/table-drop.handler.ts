import { DataSource, EntityManager } from 'typeorm';
import { DomainError } from '../kernel';
import { JobHandler, JobView, StepContext, StepOutcome, failPoint } from '../jobs';
import { Notifier } from '../notifications';
import { TableBackend } from '../tables';
import { dropEvent } from './drop-events';
import { TABLE_DROP_JOB, TableDropParams } from './drop-jobs';
import { TableSettingsEntity } from './settings.entity';
import { TableDropEntity } from './table-drop.entity';

export interface TableDropDependencies {
  readonly dataSource: DataSource;
  readonly backend: TableBackend;
  readonly notifier: Notifier;
}

/** Ends a drop: the table goes, or is ACTIVE again. The row that says that a drop is under way goes with its event. */
export class TableDropHandler implements JobHandler {
  readonly kind = TABLE_DROP_JOB;
  readonly stages = ['drop'] as const;
  readonly cleanupStage = 'release';

  constructor(private readonly deps: TableDropDependencies) {}

  async runStep(step: StepContext): Promise<StepOutcome> {
    return step.stage === 'drop' ? this.drop(step.job) : this.release(step.job);
  }

  private async drop(job: JobView): Promise<StepOutcome> {
    const { tableName } = job.params as TableDropParams;
    await this.deps.backend.finishDrop({ projectId: job.projectId, name: tableName }, job.subjectId);
    failPoint('drop.after-drop');
    return { inTransaction: (tx) => this.dropped(tx, job) };
  }

  private async release(job: JobView): Promise<StepOutcome> {
    const { tableName, tableId } = job.params as TableDropParams;
    await this.deps.backend.cancelDrop({ projectId: job.projectId, name: tableName }, job.subjectId);
    failPoint('drop.after-release');
    const left = await this.deps.backend.findTableById(job.projectId, tableId);
    // Dropped by an earlier try, or by somebody else since.
    if (left === undefined) return { succeeded: true, inTransaction: (tx) => this.dropped(tx, job) };
    return { inTransaction: (tx) => this.released(tx, job) };
  }

  private async dropped(tx: EntityManager, job: JobView): Promise<void> {
    const drop = await this.take(tx, job);
    await tx.delete(TableSettingsEntity, { projectId: drop.projectId, tableId: drop.tableId });
    await this.deps.notifier.enqueue(tx, dropEvent('end', drop));
  }

  private async released(tx: EntityManager, job: JobView): Promise<void> {
    const drop = await this.take(tx, job);
    const error = drop.error ?? { type: 'InternalError', message: 'The table is kept: it could not be dropped.' };
    await this.deps.notifier.enqueue(tx, dropEvent('error', drop, error));
  }

  private async take(tx: EntityManager, job: JobView): Promise<TableDropEntity> {
    const drop = await tx.findOneBy(TableDropEntity, { id: job.subjectId });
    if (drop === null) throw new DomainError('InternalError', `drop ${job.subjectId} has no row`);
    await tx.delete(TableDropEntity, { id: drop.id });
    return drop;
  }

  /** Start and end of a drop are announced with the row, not with the job: it may take several. */
  async started(): Promise<void> {}
  async succeeded(): Promise<void> {}
  async failed(): Promise<void> {}
}
