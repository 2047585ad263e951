import type { DataSource } from 'typeorm';
import { isoTime } from '../kernel';
import { EventOperation, EventPhase, NotificationEvent, eventTypeOf } from './event';

/** An event as SQL gives it. */
export interface EventRow {
  readonly message_id: string;
  readonly operation: EventOperation;
  readonly phase: EventPhase;
  readonly publisher_id: string;
  readonly created_at: Date;
  readonly payload: Record<string, unknown>;
}

export interface Claim {
  readonly eventSeq: string;
  readonly jobId: string;
  /** This one included. Tells the claim from those that come later. */
  readonly attempts: number;
  readonly event: NotificationEvent;
}

/** When a delivery is given up. */
export interface GivingUp {
  readonly afterMillis: number;
  readonly afterAttempts: number;
}

/**
 * The heads of jobs that are due, the longest due first: the oldest pending event of each job, for one sender. Claimed, it stays
 * pending, and so the head of its job, until it is delivered or given up; a job's events are sent one after another, by whomever. A claim
 * is a lease: it ends by itself (`next_attempt_at`), and no transaction stays open while a receiver takes its time. A row that a
 * process of the version before is sending is locked, and left to it.
 *
 * Written so that no plan is slow, even without statistics: what is due and who is the head are each found in an index of their own.
 */
export const CLAIM = `
  WITH due AS (
    SELECT d.event_seq FROM magnetodb_backup.event_deliveries d
     WHERE d.sender = $1 AND d.state = 'pending' AND d.next_attempt_at <= statement_timestamp() AND d.next_attempt_at < 'infinity'
       AND d.event_seq = (SELECT min(head.event_seq) FROM magnetodb_backup.event_deliveries head
                           WHERE head.sender = $1 AND head.job_id = d.job_id AND head.state = 'pending')
     ORDER BY d.next_attempt_at LIMIT $2 FOR UPDATE OF d SKIP LOCKED
  )
  UPDATE magnetodb_backup.event_deliveries d
     SET attempts = d.attempts + 1, attempted_at = clock_timestamp(), next_attempt_at = clock_timestamp() + $3 * interval '1 millisecond'
    FROM due, magnetodb_backup.events e
   WHERE d.event_seq = due.event_seq AND d.sender = $1 AND e.seq = d.event_seq
  RETURNING d.event_seq, d.job_id, d.attempts, e.message_id, e.operation, e.phase, e.publisher_id, e.created_at, e.payload`;

/** The outbox's deliveries in the job database: each method is one statement. Times are the database's alone. */
export class DeliveryLedger {
  constructor(private readonly dataSource: DataSource) {}

  /** Claims what is due for a sender, `limit` deliveries at most, for so long. */
  async claim(sender: string, limit: number, claimMillis: number): Promise<Claim[]> {
    const [rows]: [(EventRow & { event_seq: string; job_id: string; attempts: number })[], number] = await this.dataSource.query(CLAIM, [sender, limit, claimMillis]);
    return rows.map((row) => ({ eventSeq: row.event_seq, jobId: row.job_id, attempts: row.attempts, event: eventOf(row) }));
  }

  /** Whoever claimed it meanwhile: it is with the receiver. */
  async delivered(sender: string, claim: Claim): Promise<void> {
    await this.dataSource.query(
      `UPDATE magnetodb_backup.event_deliveries SET state = 'delivered', last_error = NULL, ended_at = clock_timestamp()
        WHERE event_seq = $1 AND sender = $2 AND state <> 'delivered'`,
      [claim.eventSeq, sender],
    );
  }

  /** Notes why it failed, and lets it come again after a pause; false: it was given up. Does nothing if the claim has ended. */
  async failed(sender: string, claim: Claim, failure: { error: string; refused: boolean; pauseMillis: number }, limits: GivingUp): Promise<boolean> {
    const [rows]: [{ state: string }[], number] = await this.dataSource.query(
      `WITH verdict AS (
         SELECT event_seq, sender, $5 OR attempts >= $6 OR queued_at < clock_timestamp() - $7 * interval '1 millisecond' AS over
           FROM magnetodb_backup.event_deliveries WHERE event_seq = $1 AND sender = $2 AND state = 'pending' AND attempts = $3
       )
       UPDATE magnetodb_backup.event_deliveries d
          SET state = CASE WHEN over THEN 'abandoned' ELSE 'pending' END, last_error = $4,
              ended_at = CASE WHEN over THEN clock_timestamp() END,
              next_attempt_at = clock_timestamp() + $8 * interval '1 millisecond'
         FROM verdict v WHERE d.event_seq = v.event_seq AND d.sender = v.sender RETURNING d.state`,
      [claim.eventSeq, sender, claim.attempts, failure.error, failure.refused, limits.afterAttempts, limits.afterMillis, failure.pauseMillis],
    );
    return rows[0]?.state !== 'abandoned';
  }

  /** Gives up what waits for senders that nobody has configured any more, once its time is over; the number of deliveries. */
  async giveUpOrphans(configured: readonly string[], afterMillis: number): Promise<number> {
    const [, count]: [unknown[], number] = await this.dataSource.query(
      `UPDATE magnetodb_backup.event_deliveries
          SET state = 'abandoned', ended_at = clock_timestamp(), last_error = 'no sender of this name is configured'
        WHERE state = 'pending' AND sender <> ALL($1::text[]) AND queued_at < clock_timestamp() - $2 * interval '1 millisecond'`,
      [configured, afterMillis],
    );
    return count;
  }

  /** Forgets events that happened so long ago, but none that still waits, and dead letters not before they have been dead for so long. */
  async purge(retentionMillis: number): Promise<void> {
    await this.dataSource.query(
      `DELETE FROM magnetodb_backup.events e
        WHERE e.created_at < clock_timestamp() - $1 * interval '1 millisecond'
          AND NOT EXISTS (SELECT FROM magnetodb_backup.event_deliveries d
                           WHERE d.event_seq = e.seq AND (d.state = 'pending' OR d.state = 'abandoned'
                             AND d.ended_at >= clock_timestamp() - $1 * interval '1 millisecond'))`,
      [retentionMillis],
    );
  }
}

/** The notification as senders get it. */
export function eventOf(row: EventRow): NotificationEvent {
  return {
    message_id: row.message_id,
    publisher_id: row.publisher_id,
    event_type: eventTypeOf(row),
    priority: row.phase === 'error' ? 'ERROR' : 'INFO',
    timestamp: isoTime(row.created_at.getTime()),
    payload: row.payload,
  };
}
