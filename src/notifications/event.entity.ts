import { Column, Entity, Index, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

/** The outbox: an event is a row of the transaction that made it true. */
@Entity({ name: 'events' })
@Index('events_by_age', ['createdAt'])
export class EventEntity {
  /** Order of events of one job. */
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' }) seq: string;
  @Column('uuid', { name: 'message_id' }) messageId: string;
  @Column('uuid', { name: 'job_id' }) jobId: string;
  @Column('text') operation: string;
  @Column('text') phase: string;
  @Column('text', { name: 'publisher_id' }) publisherId: string;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 }) createdAt: Date;
  @Column('json') payload: Record<string, unknown>;
}

export type DeliveryState = 'pending' | 'delivered' | 'abandoned';

/** One event's way to one sender. */
@Entity({ name: 'event_deliveries' })
export class EventDeliveryEntity {
  @PrimaryColumn('bigint', { name: 'event_seq' }) eventSeq: string;
  @PrimaryColumn('text') sender: string;
  /** The event's: events of one job are delivered in order. */
  @Column('uuid', { name: 'job_id' }) jobId: string;
  @Column('text') state: DeliveryState;
  @Column('integer') attempts: number;
  @Column('timestamptz', { name: 'next_attempt_at' }) nextAttemptAt: Date;
}
