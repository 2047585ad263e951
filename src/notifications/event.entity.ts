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

/** `abandoned`: given up after long trying, or refused for good: a dead letter. */
export type DeliveryState = 'pending' | 'delivered' | 'abandoned';

/** One event's way to one sender. */
@Entity({ name: 'event_deliveries' })
export class EventDeliveryEntity {
  @PrimaryColumn('bigint', { name: 'event_seq' }) eventSeq: string;
  @PrimaryColumn('text') sender: string;
  /** What a dead letter is called outside. */
  @Column('uuid') id: string;
  /** The event's: events of one job are delivered in order. */
  @Column('uuid', { name: 'job_id' }) jobId: string;
  @Column('text') state: DeliveryState;
  /** Counted when a process claims the delivery, so that a process that dies while it sends has tried, too. */
  @Column('integer') attempts: number;
  /** Not before; while a process sends, the end of its claim. */
  @Column('timestamptz', { name: 'next_attempt_at' }) nextAttemptAt: Date;
  /** When the event happened, or when a dead letter was sent again: giving up is counted from here. */
  @Column('timestamptz', { name: 'queued_at' }) queuedAt: Date;
  @Column('timestamptz', { name: 'attempted_at', nullable: true }) attemptedAt: Date | null;
  /** Delivered or given up. */
  @Column('timestamptz', { name: 'ended_at', nullable: true }) endedAt: Date | null;
  /** Why the last attempt failed; nothing of the receiver in it. */
  @Column('text', { name: 'last_error', nullable: true }) lastError: string | null;
}
