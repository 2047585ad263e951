import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { BackupService, CLOCK, inTransaction } from '../backup';
import { BACKUP_DATA_SOURCE } from '../database';
import { Clock, DomainError, TableDescription, TableRef, isoTime, newId, parseUuid } from '../kernel';
import { JOB_QUEUE, JobQueue } from '../jobs';
import { Notifier } from '../notifications';
import { TABLE_BACKEND, TableBackend } from '../tables';
import { dropEvent } from './drop-events';
import { BACKUP_BEFORE_DROP_JOB, enqueueRelease } from './drop-jobs';
import { SettingsService } from './settings.service';
import { TableDropEntity } from './table-drop.entity';

const MAX_NAME_CHARACTERS = 255;

/** Drops tables as their settings say. A host asks it in its own delete_table, in place of the tables' backend. */
@Injectable()
export class TableDrops {
  constructor(
    @InjectDataSource(BACKUP_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(TABLE_BACKEND) private readonly tables: TableBackend,
    @Inject(JOB_QUEUE) private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly notifier: Notifier,
    private readonly backups: BackupService,
    private readonly settings: SettingsService,
  ) {}

  /**
   * Drops a table: at once or, if its settings say so, once it is backed up; if that fails, it is ACTIVE again. Until then it is DELETING, and
   * asked again the answer is the same.
   * @returns the table as it was, in status DELETING
   * @throws DomainError TableNotExistsException; TableLocked; BackupQuotaExceeded
   */
  async drop(ref: TableRef): Promise<TableDescription> {
    const table = await this.tables.describeTable(ref);
    if (table.status === 'DELETING') return table;
    if (table.status === 'MAINTENANCE' || !(await this.settings.backsUpBeforeDrop(table))) return this.tables.dropTable(ref);
    const drop = await this.begin(table);
    if (drop === undefined) return { ...table, status: 'DELETING' };
    try {
      return await this.tables.beginDrop(ref, drop.id);
    } catch (error) {
      await this.callOff(drop);
      throw error;
    }
  }

  /** Undefined: another call has just begun to drop the table. */
  private async begin(table: TableDescription): Promise<TableDropEntity | undefined> {
    const now = this.clock.now();
    const name = `before drop at ${isoTime(now)} of ${table.name}`.slice(0, MAX_NAME_CHARACTERS);
    const { row, insert } = await this.backups.prepareFull(table, name, BACKUP_BEFORE_DROP_JOB);
    const drop = Object.assign(new TableDropEntity(), {
      id: newId(),
      projectId: table.projectId,
      tableName: table.name,
      tableId: table.id,
      backupId: row.id,
      jobId: row.createJobId,
      status: 'BACKING_UP' as const,
      error: null,
      startedAt: now,
    });
    const begun = await inTransaction(this.dataSource, async (tx) => {
      const inserted = await tx.createQueryBuilder().insert().into(TableDropEntity).values(drop).orIgnore().returning('id').execute();
      if ((inserted.raw as unknown[]).length === 0) return false;
      await insert(tx);
      await this.notifier.enqueue(tx, dropEvent('start', drop));
      return true;
    });
    if (!begun) return undefined;
    await this.queue.wake();
    return drop;
  }

  /** The table could not be marked, so it is not dropped: its backup ends in an error, and with it the drop. */
  private async callOff({ jobId }: TableDropEntity): Promise<void> {
    await inTransaction(this.dataSource, (tx) =>
      this.queue.cancel(tx, jobId, new DomainError('Cancelled', 'The table could not be dropped.')),
    );
    await this.queue.wake();
  }

  /** No table stays DELETING for ever: what nobody works on any more is set free. */
  async recover(): Promise<void> {
    await this.releaseStuck();
    await this.releaseUnknown();
  }

  /** Of a job database that was lost. A drop's row is there before its table is marked, and until it is not any more. */
  private async releaseUnknown(): Promise<void> {
    for (const { ref, owner } of await this.tables.droppingTables()) {
      const known = parseUuid(owner) !== undefined && (await this.dataSource.manager.existsBy(TableDropEntity, { id: owner }));
      if (!known) await this.tables.cancelDrop(ref, owner);
    }
  }

  /** Drops whose job has ended without ending them: its cleanup failed too often. */
  private async releaseStuck(): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const stuck = await tx
        .createQueryBuilder(TableDropEntity, 'd')
        .where(`NOT EXISTS (SELECT FROM magnetodb_backup.jobs j WHERE j.id = d.job_id AND j.state IN ('queued', 'running'))`)
        .setLock('pessimistic_write')
        .setOnLocked('skip_locked')
        .getMany();
      for (const drop of stuck) {
        const error = drop.error ?? { type: 'AttemptsExhausted', message: 'The table is kept: its drop could not be carried out.' };
        await enqueueRelease(tx, this.queue, drop, error);
      }
    });
  }
}
