import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What somebody has lent for jobs: as their `sealed` says it. To be given back once no job holds it. */
@Entity({ schema: 'magnetodb_backup', name: 'grants' })
export class GrantEntity {
  @PrimaryColumn('text') id: string;
  /** Has a job held it? */
  @Column('boolean', { default: false }) used: boolean;
  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' }) createdAt: Date;
}
