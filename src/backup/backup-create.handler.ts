import { DataSource, EntityManager } from 'typeorm';
import { ArchiveManifest, FORMAT_VERSION } from '../archive';
import { Clock, DomainError } from '../kernel';
import { JobError, JobHandler, JobQueue, JobView, StepContext, StepOutcome, failPoint, isOutsideKind, outsideKind } from '../jobs';
import { Notifier } from '../notifications';
import { ObjectStore, ObjectStoreRegistry } from '../storage';
import { KeyRange, TableBackend } from '../tables';
import { BackupEntity } from './backup.entity';
import { BackupQuota } from './backup-quota';
import { backupEvent } from './backup-events';
import { findBackup } from './backup-of-job';
import { BACKUP_CREATE_JOB, BACKUP_DELETE_JOB, BackupCreateParams, BackupDeleteParams } from './backup-job.params';
import {
  BackupContext,
  BackupTarget,
  ManifestFacts,
  SplitPolicy,
  abandonBackup,
  copyRange,
  openSameContent,
  planBackup,
  sealBackup,
} from './engine/portable-backup';
import { CommittedChunk } from './engine/backup-ledger';
import { TypeormBackupLedger } from './typeorm-backup-ledger';
import { PRODUCT_VERSION } from '../telemetry';

type CopyPayload = { readonly range: KeyRange; readonly index: number; readonly rangeCount: number };
type SealPayload = { readonly rangeCount: number };

export interface BackupCreateDependencies {
  readonly dataSource: DataSource;
  readonly backend: TableBackend;
  readonly stores: ObjectStoreRegistry;
  readonly notifier: Notifier;
  readonly queue: JobQueue;
  readonly quota: BackupQuota;
  readonly clock: Clock;
  readonly split: SplitPolicy;
  /** Aim at chunks of about so many bytes of lines. */
  readonly chunkBytes: number;
}

/** Makes a full, portable backup: plan → copy (a step a range) → seal. */
export class BackupCreateHandler implements JobHandler {
  readonly kind: string = BACKUP_CREATE_JOB;
  readonly stages = ['plan', 'copy', 'seal'] as const;
  readonly cleanupStage = 'cleanup';

  constructor(protected readonly deps: BackupCreateDependencies) {}

  async runStep(step: StepContext): Promise<StepOutcome> {
    const params = step.job.params as BackupCreateParams;
    const store = await this.deps.stores.openFor({ url: params.locationUrl, internal: params.internal }, step.job);
    const context = this.contextOf(step.job, store);
    switch (step.stage) {
      case 'plan':
        return this.plan(context, step, params);
      case 'copy':
        return this.copy(context, step, params);
      case 'seal':
        return this.seal(context, step, params);
      case 'cleanup':
        await this.beforeCleanup(step.job, params);
        await abandonBackup(context, step.signal);
        return { inTransaction: (tx) => new TypeormBackupLedger(tx, step.job.subjectId).clear() };
      default:
        throw new DomainError('InternalError', `no such stage: ${step.stage}`);
    }
  }

  private contextOf(job: JobView, store: ObjectStore): BackupContext {
    const ledger = new TypeormBackupLedger(this.deps.dataSource.manager, job.subjectId);
    return { backend: this.deps.backend, store, ledger, failPoint };
  }

  /** Ends what the job may have begun beside its archive. */
  protected async beforeCleanup(_job: JobView, _params: BackupCreateParams): Promise<void> {}

  protected async plan(context: BackupContext, step: StepContext, params: BackupCreateParams): Promise<StepOutcome> {
    const started = { backupId: step.job.subjectId, startedAt: step.job.createdAt };
    const { ranges } = await planBackup(context, targetOf(step.job, params), started, this.deps.split);
    const nextSteps = ranges.map((range, index) => ({ payload: { range: { ...range }, index, rangeCount: ranges.length } }));
    return { nextSteps };
  }

  protected async copy(context: BackupContext, step: StepContext, params: BackupCreateParams): Promise<StepOutcome> {
    const { range, index, rangeCount } = step.payload as CopyPayload;
    const handle = await openSameContent(context.backend, targetOf(step.job, params));
    const format = { compression: params.compression, chunkBytes: this.deps.chunkBytes };
    await copyRange(context, { handle, range, index }, format, {
      cursor: typeof step.cursor === 'string' ? step.cursor : undefined,
      signal: step.signal,
      throttle: (amount) => step.throttle(amount),
      pace: step.pace,
      commitChunk: (chunk, cursor) =>
        step.commit(cursor, { items: chunk.entry.items, bytes: chunk.entry.raw_bytes }, (tx) => this.keepChunk(tx, step.job, chunk)),
    });
    // The seal is one step; the first range hands it what it needs.
    return index === 0 ? { nextSteps: [{ payload: { rangeCount } }] } : {};
  }

  /** In the transaction that commits the chunk. @throws DomainError BackupQuotaExceeded */
  protected async keepChunk(tx: EntityManager, { projectId, subjectId }: JobView, chunk: CommittedChunk): Promise<void> {
    await TypeormBackupLedger.commitChunk(tx, subjectId, chunk);
    await this.deps.quota.checkStored(tx, projectId);
  }

  private async seal(context: BackupContext, step: StepContext, params: BackupCreateParams): Promise<StepOutcome> {
    const { rangeCount } = step.payload as SealPayload;
    const target = targetOf(step.job, params);
    const facts = await this.factsOf(step.job, params, target);
    const manifest = await sealBackup(context, target, rangeCount, facts, step.signal);
    return { inTransaction: (tx) => keepResult(tx, step.job, manifest) };
  }

  /** What the manifest says of the format. */
  protected async formatFacts(): Promise<Pick<ManifestFacts, 'data_format' | 'native'>> {
    return { data_format: 'db-agnostic' };
  }

  private async factsOf(job: JobView, params: BackupCreateParams, target: BackupTarget): Promise<ManifestFacts> {
    const row = await findBackup(this.deps.dataSource.manager, job);
    const table = await openSameContent(this.deps.backend, target);
    return {
      backup_id: row.id,
      backup_name: row.name,
      project_id: row.projectId,
      table_id: row.tableId,
      table_name: row.tableName,
      schema: table.schema,
      backend: this.deps.backend.capabilities.kind,
      type: 'full',
      ...(await this.formatFacts()),
      base_backup_id: null,
      compression: params.compression,
      started_at: row.startedAt,
      finished_at: this.deps.clock.now(),
      strategy: row.strategy,
      writer: PRODUCT_VERSION,
    };
  }

  async started(job: JobView, tx: EntityManager): Promise<void> {
    const row = await findBackup(tx, job);
    await this.deps.notifier.enqueue(tx, backupEvent(job.id, 'create', 'start', row));
  }

  async succeeded(job: JobView, tx: EntityManager): Promise<void> {
    const row = await lockBackup(tx, job);
    row.finishedAt = this.deps.clock.now();
    // Deletion was asked for while the last step ended: the delete job takes it from here.
    if (row.status === 'DELETING') await this.enqueueDelete(job, row, tx);
    else row.status = 'CREATED';
    row.restorable = true;
    await tx.save(row);
    await new TypeormBackupLedger(tx, row.id).clear();
    await this.deps.notifier.enqueue(tx, backupEvent(job.id, 'create', 'end', row));
  }

  async failed(job: JobView, error: JobError, tx: EntityManager): Promise<void> {
    const row = await lockBackup(tx, job);
    row.finishedAt = this.deps.clock.now();
    row.error = error;
    row.restorable = false;
    if (row.status === 'DELETING') await this.enqueueDelete(job, row, tx);
    else row.status = 'CREATE_FAILED';
    await tx.save(row);
    await this.deps.notifier.enqueue(tx, backupEvent(job.id, 'create', 'error', row));
  }

  /** The deletion goes on with the credentials that this job was given. */
  private async enqueueDelete(job: JobView, row: BackupEntity, tx: EntityManager): Promise<void> {
    if (row.deleteJobId === null) throw new DomainError('InternalError', 'a backup in DELETING has a delete job id');
    const params: BackupDeleteParams = { locationUrl: row.locationUrl, internal: row.internal, removeObjects: true };
    const kind = isOutsideKind(job.kind) ? outsideKind(BACKUP_DELETE_JOB) : BACKUP_DELETE_JOB;
    await this.deps.queue.enqueue(tx, { id: row.deleteJobId, kind, projectId: row.projectId, subjectId: row.id, params, sealed: job.sealed });
  }
}

export function targetOf(job: JobView, params: BackupCreateParams): BackupTarget {
  return { ref: { projectId: job.projectId, name: params.tableName }, tableId: params.tableId, generation: params.generation };
}

/** Until the transaction ends, nobody asks for the backup's deletion: whether it was asked for before is decided. */
async function lockBackup(tx: EntityManager, job: JobView): Promise<BackupEntity> {
  const where = { projectId: job.projectId, id: job.subjectId };
  const row = await tx.findOne(BackupEntity, { where, lock: { mode: 'pessimistic_write' } });
  if (row === null) throw new DomainError('InternalError', `backup ${job.subjectId} has no row`);
  return row;
}

async function keepResult(tx: EntityManager, job: JobView, manifest: ArchiveManifest): Promise<void> {
  await tx.update(
    BackupEntity,
    { projectId: job.projectId, id: job.subjectId },
    {
      itemCount: manifest.item_count,
      sizeBytes: manifest.size_bytes,
      tableSizeBytes: manifest.table_size_bytes,
      formatVersion: FORMAT_VERSION,
    },
  );
}
