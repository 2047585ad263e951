import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { BACKUP_VERIFY_JOB, BackupService, BackupVerifyParams, BackupView, CLOCK, TableAddress, inTransaction } from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { JOB_QUEUE, JobQueue, outsideKind } from '../jobs';
import { Clock, DomainError, Uuid, newId } from '../kernel';
import { ObjectStoreRegistry } from '../storage';

/** Has backups read whole, to know that they are whole. */
@Injectable()
export class VerificationService {
  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly backups: BackupService,
    private readonly stores: ObjectStoreRegistry,
  ) {}

  /**
   * Asks for a verification; one that runs already serves.
   * @param strategy as given: the credentials of an outside place
   * @throws DomainError BackupNotExists; ConflictError if the backup is not CREATED; ValidationError if the place refuses
   */
  async verify(address: TableAddress, id: Uuid, strategy?: unknown): Promise<BackupView> {
    const seen = await this.backups.describe(address, id);
    const { location, access } = await this.backups.reach(seen.backup, strategy);
    const runs = seen.progress?.state === 'queued' || seen.progress?.state === 'running';
    if (access.outside && !runs) await this.stores.probeOutside(location, 'read', 'strategy.location');
    const backup = await inTransaction(this.dataSource, async (tx) => {
      const row = await this.backups.lock(tx, address, id);
      if (row.status !== 'CREATED')
        throw new DomainError('ConflictError', `The backup is in status ${row.status}: it cannot be verified.`);
      const othersBegan = row.verifyJobId !== seen.backup.verifyJobId;
      if (runs || othersBegan) return row;
      row.verifyJobId = newId();
      row.verification = { status: 'RUNNING', startedAt: this.clock.now() };
      await tx.save(row);
      const params: BackupVerifyParams = { locationUrl: row.locationUrl, internal: row.internal };
      const { projectId } = address;
      const kind = access.outside ? outsideKind(BACKUP_VERIFY_JOB) : BACKUP_VERIFY_JOB;
      await this.queue.enqueue(tx, { id: row.verifyJobId, kind, projectId, subjectId: id, params, sealed: access.sealed });
      return row;
    });
    await this.queue.wake();
    return { backup, progress: runs ? seen.progress : undefined };
  }
}
