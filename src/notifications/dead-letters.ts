import type { DataSource } from 'typeorm';
import { DomainError, Uuid } from '../kernel';
import { EventRow, eventOf } from './delivery-ledger';
import type { NotificationEvent } from './event';
import { EVENTS_CHANNEL } from './notifier';

/** A delivery that was given up. */
export interface DeadLetter {
  readonly id: Uuid;
  /** Name of the sender that could not deliver it. */
  readonly sender: string;
  readonly event: NotificationEvent;
  readonly attempts: number;
  /** Why the last attempt failed. Nothing of the receiver in it. */
  readonly error: string | null;
  readonly lastAttemptAt: Date | null;
  readonly givenUpAt: Date;
}

export interface DeadLetterQuery {
  readonly limit: number;
  /** The page begins behind this id, which need not be there any more. */
  readonly after: Uuid | undefined;
  readonly sender: string | undefined;
  readonly projectId: string | undefined;
}

type Row = EventRow & {
  readonly id: string;
  readonly sender: string;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly attempted_at: Date | null;
  readonly given_up_at: Date;
};

const COLUMNS = `d.id, d.sender, d.attempts, d.last_error, d.attempted_at, coalesce(d.ended_at, d.queued_at) AS given_up_at,
  e.message_id, e.operation, e.phase, e.publisher_id, e.created_at, e.payload`;

/** The outbox's dead letters: kept until they are sent again, discarded, or past their retention. */
export class DeadLetters {
  constructor(
    private readonly dataSource: DataSource,
    /** Names of the senders of this process. */
    private readonly senders: readonly string[],
  ) {}

  /** A page in order of ids, which is about the order of events. */
  async list({ limit, after, sender, projectId }: DeadLetterQuery): Promise<DeadLetter[]> {
    const rows: Row[] = await this.dataSource.query(
      `SELECT ${COLUMNS} FROM magnetodb_backup.event_deliveries d JOIN magnetodb_backup.events e ON e.seq = d.event_seq
        WHERE d.state = 'abandoned' AND ($1::uuid IS NULL OR d.id > $1) AND ($2::text IS NULL OR d.sender = $2)
          AND ($3::text IS NULL OR e.payload ->> 'project_id' = $3)
        ORDER BY d.id LIMIT $4`,
      [after ?? null, sender ?? null, projectId ?? null, limit],
    );
    return rows.map(letterOf);
  }

  /**
   * Has it delivered again, with all the time and attempts of a new event; as it was. It comes late: later events of its job are through.
   * @throws DomainError `NotFound`; `ConflictError`: this process has no sender of its name
   */
  async retry(id: Uuid): Promise<DeadLetter> {
    const letter = await this.dataSource.transaction(async (tx) => {
      const [rows]: [Row[], number] = await tx.query(
        `UPDATE magnetodb_backup.event_deliveries d
            SET state = 'pending', attempts = 0, next_attempt_at = clock_timestamp(), queued_at = clock_timestamp(), ended_at = NULL
           FROM magnetodb_backup.events e, magnetodb_backup.event_deliveries old
          WHERE d.id = $1 AND d.state = 'abandoned' AND e.seq = d.event_seq AND old.event_seq = d.event_seq AND old.sender = d.sender
         RETURNING d.id, d.sender, old.attempts, d.last_error, d.attempted_at, coalesce(old.ended_at, old.queued_at) AS given_up_at,
           e.message_id, e.operation, e.phase, e.publisher_id, e.created_at, e.payload`,
        [id],
      );
      const found = firstOf(rows);
      if (!this.senders.includes(found.sender))
        throw new DomainError('ConflictError', `The sender "${found.sender}" is not configured: nobody would deliver it.`);
      await tx.query('SELECT pg_notify($1, $2)', [EVENTS_CHANNEL, '']);
      return found;
    });
    return letterOf(letter);
  }

  /** Forgets it; as it was. @throws DomainError `NotFound` */
  async discard(id: Uuid): Promise<DeadLetter> {
    const [rows]: [Row[], number] = await this.dataSource.query(
      `DELETE FROM magnetodb_backup.event_deliveries d USING magnetodb_backup.events e
        WHERE d.id = $1 AND d.state = 'abandoned' AND e.seq = d.event_seq RETURNING ${COLUMNS}`,
      [id],
    );
    return letterOf(firstOf(rows));
  }
}

function firstOf(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new DomainError('NotFound', 'There is no such dead letter.');
  return row;
}

function letterOf(row: Row): DeadLetter {
  return {
    id: row.id,
    sender: row.sender,
    event: eventOf(row),
    attempts: row.attempts,
    error: row.last_error,
    lastAttemptAt: row.attempted_at,
    givenUpAt: row.given_up_at,
  };
}
