import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What one step of a verification has read, kept until its job ends. */
@Entity({ name: 'verification_proofs' })
export class VerificationProofEntity {
  @PrimaryColumn('uuid', { name: 'job_id' }) jobId: string;
  @PrimaryColumn('text', { name: 'step_id' }) stepId: string;
  /** Counts and digests of its items by bucket, as TableDigest JSON text. */
  @Column('text') digest: string;
}
