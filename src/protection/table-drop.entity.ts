import { Column, Entity, PrimaryColumn } from 'typeorm';
import { safeBigint } from '../backup';
import type { JobError } from '../jobs';

/** BACKING_UP → DROPPING, or RELEASING if there will be no backup. */
export type TableDropStatus = 'BACKING_UP' | 'DROPPING' | 'RELEASING';

/** A drop that is under way; its end deletes the row. */
@Entity({ name: 'table_drops' })
export class TableDropEntity {
  /** Also the owner of the drop in the tables' registry. */
  @PrimaryColumn('uuid') id: string;
  @Column('text', { name: 'project_id' }) projectId: string;
  @Column('text', { name: 'table_name' }) tableName: string;
  @Column('uuid', { name: 'table_id' }) tableId: string;
  @Column('uuid', { name: 'backup_id' }) backupId: string;
  /** The job that works on it now. */
  @Column('uuid', { name: 'job_id' }) jobId: string;
  @Column('text') status: TableDropStatus;
  /** RELEASING: why. */
  @Column('json', { nullable: true }) error: JobError | null;
  /** Milliseconds since the epoch. */
  @Column('bigint', { name: 'started_at', transformer: safeBigint }) startedAt: number;
}
