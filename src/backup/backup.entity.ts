import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { JobError } from '../jobs';

export type BackupStatus = 'CREATING' | 'CREATED' | 'CREATE_FAILED' | 'DELETING' | 'DELETE_FAILED';
export const BACKUP_STATUSES: readonly BackupStatus[] = ['CREATING', 'CREATED', 'CREATE_FAILED', 'DELETING', 'DELETE_FAILED'];

export type VerificationStatus = 'RUNNING' | 'PASSED' | 'DAMAGED' | 'FAILED';
export const VERIFICATION_STATUSES: readonly VerificationStatus[] = ['RUNNING', 'PASSED', 'DAMAGED', 'FAILED'];

/** The newest verification of a backup: it runs, found everything whole, found damage, or could not be carried out. */
export interface Verification {
  readonly status: VerificationStatus;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly finishedAt?: number;
  /** DAMAGED: what is damaged; FAILED: why nothing was found out. */
  readonly error?: JobError;
}

/** bigint columns hold counts, bytes and milliseconds: all far below 2^53. */
export const safeBigint = {
  to: (value: number | null): number | null => value,
  from: (value: string | null): number | null => (value === null ? null : Number(value)),
};

/** A backup in the catalogue. It outlives its table, and its archive outlives it: the archive's manifest is the truth. */
@Entity({ name: 'backups' })
@Index('backups_by_table_name', ['projectId', 'tableName', 'id'])
@Index('backups_by_table_id', ['projectId', 'tableId', 'id'])
export class BackupEntity {
  /** Part of the key, since several projects may import the same backup. */
  @PrimaryColumn('text', { name: 'project_id' }) projectId: string;
  @PrimaryColumn('uuid') id: string;
  /** Any Unicode but control characters (so no U+0000 either). */
  @Column('text') name: string;
  @Column('uuid', { name: 'table_id' }) tableId: string;
  @Column('text', { name: 'table_name' }) tableName: string;
  @Column('text') status: BackupStatus;
  /** The resolved strategy as it is shown: no secrets. */
  @Column('jsonb') strategy: Record<string, unknown>;
  /** The archive's own root, absolute, without secrets. */
  @Column('text', { name: 'location_url' }) locationUrl: string;
  /** Does the archive lie in the deployment's own store (whose credentials are the deployment's)? */
  @Column('boolean') internal: boolean;
  /** Put into the catalogue from a location, so that deleting it leaves the data unless purged. */
  @Column('boolean') imported: boolean;
  /** Until it is taken away, the backup cannot be deleted. */
  @Column('boolean', { name: 'delete_protection', default: false }) deleteProtection: boolean;
  @Column('uuid', { name: 'create_job_id', nullable: true }) createJobId: string | null;
  @Column('uuid', { name: 'delete_job_id', nullable: true }) deleteJobId: string | null;
  /** Milliseconds since the epoch. */
  @Column('bigint', { name: 'started_at', transformer: safeBigint }) startedAt: number;
  @Column('bigint', { name: 'finished_at', nullable: true, transformer: safeBigint }) finishedAt: number | null;
  @Column('jsonb', { nullable: true }) error: JobError | null;
  /** What a table restored from it would hold. */
  @Column('bigint', { name: 'item_count', nullable: true, transformer: safeBigint }) itemCount: number | null;
  /** Bytes of all chunks as stored. */
  @Column('bigint', { name: 'size_bytes', nullable: true, transformer: safeBigint }) sizeBytes: number | null;
  /** Bytes of all items as JSON lines, before compression. */
  @Column('bigint', { name: 'table_size_bytes', nullable: true, transformer: safeBigint }) tableSizeBytes: number | null;
  /** Estimated items of the table when the backup was asked for: for progress only. */
  @Column('bigint', { name: 'items_estimate', nullable: true, transformer: safeBigint }) itemsEstimate: number | null;
  @Column('integer', { name: 'format_version', nullable: true }) formatVersion: number | null;
  @Column('uuid', { name: 'base_backup_id', nullable: true }) baseBackupId: string | null;
  /** When a verification last found everything whole. */
  @Column('bigint', { name: 'last_verified_at', nullable: true, transformer: safeBigint }) lastVerifiedAt: number | null;
  @Column('boolean', { nullable: true }) restorable: boolean | null;
  /** The job of the newest verification. */
  @Column('uuid', { name: 'verify_job_id', nullable: true }) verifyJobId: string | null;
  @Column('jsonb', { nullable: true }) verification: Verification | null;
  @Column('bigint', { name: 'locked_milliseconds', nullable: true, transformer: safeBigint }) lockedMilliseconds: number | null;
}

/** What an object of an unfinished archive is: known by name before its upload begins, so that nothing is ever orphaned. */
@Entity({ name: 'backup_objects' })
export class BackupObjectEntity {
  @PrimaryColumn('uuid', { name: 'backup_id' }) backupId: string;
  /** Name below the archive's root. */
  @PrimaryColumn('text') name: string;
  /** A chunk's entry once it is stored and committed; null while it is only intended, or for objects that are no chunks. */
  @Column('jsonb', { nullable: true }) entry: Record<string, unknown> | null;
  /** Index of the range that the chunk belongs to. */
  @Column('integer', { name: 'range_index', nullable: true }) rangeIndex: number | null;
  /** The chunk's counts and digests by bucket (TableDigest as JSON text). */
  @Column('text', { nullable: true }) digest: string | null;
}
