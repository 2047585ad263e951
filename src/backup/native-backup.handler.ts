import { EntityManager } from 'typeorm';
import { DomainError } from '../kernel';
import { JobView, StepContext, StepOutcome, failPoint } from '../jobs';
import { LockObserver, NativeSnapshot, NativeTables, withTableLock } from '../tables';
import { BackupCreateDependencies, BackupCreateHandler, targetOf } from './backup-create.handler';
import { BACKUP_CREATE_NATIVE_JOB, BackupCreateParams } from './backup-job.params';
import { copySnapshot } from './engine/native-backup';
import { BackupContext, ManifestFacts, openSameContent, startBackup } from './engine/portable-backup';
import { TypeormBackupLedger } from './typeorm-backup-ledger';

export interface NativeBackupDependencies extends BackupCreateDependencies {
  /** The table is locked for so long at most. */
  readonly maxLockSeconds: number;
  /** Streams that read one snapshot at once. */
  readonly streams: number;
  readonly onLocked?: LockObserver;
}

/**
 * Makes a full, native backup: plan → copy → seal. The copy is one step, whose snapshot lives and dies with the process: begun again, it takes back what an earlier
 * try committed, and begins with a lock and a snapshot of its own (docs/adr/0006-native-postgres.md).
 */
export class NativeBackupHandler extends BackupCreateHandler {
  override readonly kind = BACKUP_CREATE_NATIVE_JOB;

  constructor(protected override readonly deps: NativeBackupDependencies) {
    super(deps);
  }

  protected override async plan(context: BackupContext, step: StepContext, params: BackupCreateParams): Promise<StepOutcome> {
    await startBackup(context, targetOf(step.job, params), { backupId: step.job.subjectId, startedAt: step.job.createdAt });
    return {};
  }

  protected override async copy(context: BackupContext, step: StepContext, params: BackupCreateParams): Promise<StepOutcome> {
    await this.beginAnew(step);
    const snapshot = await this.takeSnapshot(step, params);
    try {
      const { compression } = params;
      await copySnapshot(context, snapshot, { compression, chunkBytes: this.deps.chunkBytes, streams: this.deps.streams }, {
        signal: step.signal,
        throttle: (amount) => step.throttle(amount),
        // No cursor: there is nothing that another try could go on from, and every try counts.
        commitChunk: (chunk) =>
          step.commit(null, { items: chunk.entry.items, bytes: chunk.entry.raw_bytes }, (tx) => this.keepChunk(tx, step.job, chunk)),
      });
    } finally {
      await snapshot.close();
    }
    return { nextSteps: [{ payload: { rangeCount: snapshot.partCount } }] };
  }

  protected override async formatFacts(): Promise<Pick<ManifestFacts, 'data_format' | 'native'>> {
    const { format } = this.native;
    return { data_format: 'native', native: { format, server_version: await this.native.serverVersion() } };
  }

  /** A lock whose process died would end by its deadline; there is no need to wait for that. */
  protected override async beforeCleanup(job: JobView, params: BackupCreateParams): Promise<void> {
    await this.deps.backend.unlock(targetOf(job, params).ref, job.subjectId);
  }

  /** What an earlier try copied is of another snapshot. From here on, that try can commit nothing more: the lease is ours. */
  private async beginAnew(step: StepContext): Promise<void> {
    const { items, bytes } = await new TypeormBackupLedger(this.deps.dataSource.manager, step.job.subjectId).committed();
    await step.commit(null, { items: -items, bytes: -bytes }, (tx) => new TypeormBackupLedger(tx, step.job.subjectId).takeBack());
    failPoint('backup.native.before-lock');
  }

  private async takeSnapshot(step: StepContext, params: BackupCreateParams): Promise<NativeSnapshot> {
    const { backend, maxLockSeconds, split, clock, onLocked } = this.deps;
    const target = targetOf(step.job, params);
    let opened: NativeSnapshot | undefined;
    try {
      const open = async (): Promise<NativeSnapshot> => {
        failPoint('backup.native.locked');
        const handle = await openSameContent(backend, target);
        opened = await this.native.openSnapshot(handle, { ...split, maxParts: split.maxRanges, expiryCutoff: Math.floor(clock.now() / 1000) });
        failPoint('backup.native.before-unlock');
        return opened;
      };
      const { result, lockedMilliseconds } = await withTableLock(backend, target.ref, step.job.subjectId, maxLockSeconds, open, onLocked);
      await step.commit(null, {}, (tx) => addLockedTime(tx, step.job, lockedMilliseconds));
      failPoint('backup.native.unlocked');
      return result;
    } catch (error) {
      await opened?.close();
      throw error;
    }
  }

  private get native(): NativeTables {
    const { native } = this.deps.backend;
    if (native === undefined) throw new DomainError('InternalError', 'these tables have no format of their own');
    return native;
  }
}

/** The sum over all tries: for so long was the table locked. */
async function addLockedTime(tx: EntityManager, job: JobView, milliseconds: number): Promise<void> {
  await tx.query(
    `UPDATE magnetodb_backup.backups SET locked_milliseconds = coalesce(locked_milliseconds, 0) + $3 WHERE project_id = $1 AND id = $2`,
    [job.projectId, job.subjectId, milliseconds],
  );
}
