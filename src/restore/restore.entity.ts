import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { safeBigint } from '../backup';
import type { JobError } from '../jobs';
import type { RestorePart } from './engine/part';

export type RestoreStatus = 'RESTORING' | 'RESTORED' | 'RESTORE_FAILED';
export const RESTORE_STATUSES: readonly RestoreStatus[] = ['RESTORING', 'RESTORED', 'RESTORE_FAILED'];
export type OnExisting = 'fail' | 'replace' | 'merge';

/** A restore job, as clients see it. */
@Entity({ name: 'restores' })
@Index('restores_by_project', ['projectId', 'id'])
@Index('restores_by_table_name', ['projectId', 'tableName', 'id'])
@Index('restores_by_table_id', ['projectId', 'tableId', 'id'])
@Index('restores_by_target_table_id', ['projectId', 'targetTableId', 'id'])
// One restore at a time onto one table: the second is refused by the database itself.
@Index('restores_one_running_per_table', ['projectId', 'tableName'], { unique: true, where: "status = 'RESTORING'" })
export class RestoreEntity {
  @PrimaryColumn('uuid') id: string;
  @Column('text', { name: 'project_id' }) projectId: string;
  /** The target's name. */
  @Column('text', { name: 'table_name' }) tableName: string;
  /** The target's id once published. */
  @Column('uuid', { name: 'table_id', nullable: true }) tableId: string | null;
  /** The target's id when the restore was asked for; null: there was no such table. Lists by id find the job by it. */
  @Column('uuid', { name: 'target_table_id', nullable: true }) targetTableId: string | null;
  /** Null until the manifest is read, if only a source was given. */
  @Column('uuid', { name: 'backup_id', nullable: true }) backupId: string | null;
  @Column('text') status: RestoreStatus;
  /** The archive's root, absolute, without secrets. */
  @Column('text', { name: 'source_url' }) sourceUrl: string;
  @Column('text', { name: 'on_existing' }) onExisting: OnExisting;
  /** What `auto` chose. */
  @Column('text', { nullable: true }) format: string | null;
  @Column('text', { name: 'format_reason', nullable: true }) formatReason: string | null;
  @Column('uuid', { name: 'job_id' }) jobId: string;
  /** Milliseconds since the epoch. */
  @Column('bigint', { name: 'started_at', transformer: safeBigint }) startedAt: number;
  @Column('bigint', { name: 'finished_at', nullable: true, transformer: safeBigint }) finishedAt: number | null;
  @Column('jsonb', { nullable: true }) error: JobError | null;
  /** Items that the manifest holds: for progress. */
  @Column('bigint', { name: 'items_total', nullable: true, transformer: safeBigint }) itemsTotal: number | null;
  /** What of the backup is restored; null: all of it. */
  @Column('json', { nullable: true }) part: RestorePart | null;
  /** Of a part, once all is read: how many items it has, and how many were left out (not asked for, or expired). */
  @Column('bigint', { name: 'items_restored', nullable: true, transformer: safeBigint }) itemsRestored: number | null;
  @Column('bigint', { name: 'items_left_out', nullable: true, transformer: safeBigint }) itemsLeftOut: number | null;
}

/** What one step of a restore proved: a chunk loaded, or a range of the build read back. */
@Entity({ name: 'restore_proofs' })
export class RestoreProofEntity {
  @PrimaryColumn('uuid', { name: 'restore_id' }) restoreId: string;
  /** `load`, `verify`, or `passing`: of a load step, what may be gone when it is verified. */
  @PrimaryColumn('text') phase: string;
  /** Step id: proofs are replaced, never doubled, when a step runs again. */
  @PrimaryColumn('text', { name: 'step_id' }) stepId: string;
  /** Counts and digests of the items written (load) or read back (verify), as TableDigest JSON text; passing: as `PassingItems` writes it. */
  @Column('text') digest: string;
  /** load: those left out because they had expired. */
  @Column('text', { name: 'skipped_digest', nullable: true }) skippedDigest: string | null;
  /** load, of a part: everything that was read. */
  @Column('text', { name: 'read_digest', nullable: true }) readDigest: string | null;
}
