import { hostname } from 'node:os';
import type { EntityManager } from 'typeorm';
import { Clock, newId } from '../kernel';
import { NewEvent, eventTypeOf } from './event';
import type { NotificationSender } from './notification-sender';

/** PostgreSQL channel on which a new event is announced at commit. */
export const EVENTS_CHANNEL = 'magnetodb_backup_events';

export interface NotifierOptions {
  readonly clock: Clock;
  /** Who is asked whether it wants an event, from now on. */
  readonly senders: readonly Pick<NotificationSender, 'name' | 'wants'>[];
  /** Default: this machine's name. Events are published by `magnetodb.<host>`. */
  readonly host?: string;
}

/** Writes events to the outbox. They are sent after the commit, by whichever process comes first (OutboxDispatcher). */
export class Notifier {
  private readonly publisherId: string;

  constructor(private readonly options: NotifierOptions) {
    this.publisherId = `magnetodb.${options.host ?? hostname()}`;
  }

  /**
   * Announces an event if and only if the caller's transaction commits. A second start, or a second terminal event, of one
   * job and operation breaks a unique index: the transaction fails.
   */
  async enqueue(tx: EntityManager, event: NewEvent): Promise<void> {
    const happenedAt = new Date(this.options.clock.now());
    const [row]: { seq: string }[] = await tx.query(
      `INSERT INTO magnetodb_backup.events (message_id, job_id, operation, phase, publisher_id, created_at, payload)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING seq`,
      [
        newId(),
        event.jobId,
        event.operation,
        event.phase,
        this.publisherId,
        happenedAt,
        JSON.stringify(event.payload),
      ],
    );
    const subject = { event_type: eventTypeOf(event), payload: event.payload };
    const senders = this.options.senders.filter((sender) => sender.wants(subject)).map(({ name }) => name);
    await tx.query(
      `INSERT INTO magnetodb_backup.event_deliveries (event_seq, sender, id, job_id, state, attempts, next_attempt_at, queued_at)
       SELECT $1, sender, id, $2, 'pending', 0, clock_timestamp(), $5 FROM unnest($3::text[], $4::uuid[]) AS taker (sender, id)`,
      [row?.seq, event.jobId, senders, senders.map(() => newId()), happenedAt],
    );
    await tx.query('SELECT pg_notify($1, $2)', [EVENTS_CHANNEL, '']);
  }
}
