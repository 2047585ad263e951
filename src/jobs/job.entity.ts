import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';
import type { JobError, JobState } from './job-handler';

/** Counts, bytes and rates: far below 2^53. */
const count = {
  to: (value: number | null): number | null => value,
  from: (value: string | null): number | null => (value === null ? null : Number(value)),
};

/** A job (docs/adr/0003-jobs.md). Finished ones stay for a while, without their steps. */
@Entity({ name: 'jobs' })
export class JobEntity {
  @PrimaryColumn('uuid') id: string;
  /** Order of creation. */
  @Column({ type: 'bigint', insert: false, update: false }) seq: string;
  @Column('text') kind: string;
  @Column('text', { name: 'project_id' }) projectId: string;
  @Column('uuid', { name: 'subject_id' }) subjectId: string;
  @Column('json') params: unknown;
  /** W3C `traceparent` of the request that asked for the job. */
  @Column('text', { name: 'trace_parent', nullable: true }) traceParent: string | null;
  /** A secret, sealed; null once the job has ended. */
  @Column('text', { nullable: true }) sealed: string | null;
  @Column('text') state: JobState;
  /** `queued`, then the handler's stages, or `cleanup`. */
  @Column('text') stage: string;
  @Column('integer', { name: 'stage_index' }) stageIndex: number;
  /** Set once the job is to end in `failed`; then only its cleanup step runs. */
  @Column('json', { nullable: true }) error: JobError | null;
  @Column('boolean') paused: boolean;
  @Column('bigint', { name: 'bytes_per_second', nullable: true, transformer: count }) bytesPerSecond: number | null;
  @Column('bigint', { name: 'items_per_second', nullable: true, transformer: count }) itemsPerSecond: number | null;
  @Column('bigint', { name: 'requests_in_flight', nullable: true, transformer: count }) requestsInFlight: number | null;
  @Column('bigint', { name: 'items_done', transformer: count }) itemsDone: number;
  @Column('bigint', { name: 'bytes_done', transformer: count }) bytesDone: number;
  /** The longest stage behind the first; -1 until there is one. `stepsDone` and `stepsTotal` are its. */
  @Column('integer', { name: 'main_stage_index' }) mainStageIndex: number;
  @Column('integer', { name: 'steps_done' }) stepsDone: number;
  @Column('integer', { name: 'steps_total' }) stepsTotal: number;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 }) createdAt: Date;
  @Column({ type: 'timestamptz', name: 'started_at', precision: 3, nullable: true }) startedAt: Date | null;
  @Column({ type: 'timestamptz', name: 'finished_at', precision: 3, nullable: true }) finishedAt: Date | null;
}

/** A step of a job: to be claimed, leased (token, expiry, holder), or done. */
@Entity({ name: 'job_steps' })
export class JobStepEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' }) id: string;
  @Column('uuid', { name: 'job_id' }) jobId: string;
  @Column('integer', { name: 'stage_index' }) stageIndex: number;
  @Column('boolean') cleanup: boolean;
  @Column('json') payload: unknown;
  @Column('json') cursor: unknown;
  @Column('boolean') done: boolean;
  /** Claims since the last progress, the present one included. */
  @Column('integer') attempts: number;
  /** Not to be claimed before: the pause before another attempt. */
  @Column('timestamptz', { name: 'available_at' }) availableAt: Date;
  @Column('uuid', { name: 'lease_token', nullable: true }) leaseToken: string | null;
  @Column('timestamptz', { name: 'lease_expires_at', nullable: true }) leaseExpiresAt: Date | null;
  /** The process (a runner) that holds the lease. */
  @Column('uuid', { nullable: true }) holder: string | null;
}
