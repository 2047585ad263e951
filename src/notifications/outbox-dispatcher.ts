import type { DataSource, EntityManager } from 'typeorm';
import { isoTime } from '../kernel';
import type { EventOperation, EventPhase, NotificationEvent } from './event';
import type { NotificationLog } from './notification-log';
import type { NotificationSender } from './notification-sender';
import { PollLoop } from './poll-loop';

export interface OutboxDispatcherOptions {
  readonly dataSource: DataSource;
  readonly senders: readonly NotificationSender[];
  readonly log: NotificationLog;
  /** How often to look without being woken. Default 1000. */
  readonly pollMillis?: number;
  /** Deliveries of one sender at the same time in this process. Each holds a database connection. Default 2. */
  readonly concurrency?: number;
  /** A call of `send` that takes longer has failed. Default 15,000. */
  readonly sendTimeoutMillis?: number;
  /** Pause before the second try; it doubles with each, up to `maxBackoffMillis`. Defaults 1000 and 300,000. */
  readonly backoffMillis?: number;
  readonly maxBackoffMillis?: number;
  /** An event that could not be delivered for so long is given up, with an error in the log. Default 7 days. */
  readonly giveUpAfterMillis?: number;
  /** Events are kept for so long after they happened. Default 30 days; not less than `giveUpAfterMillis`. */
  readonly retentionMillis?: number;
}

const DAY = 86_400_000;
const PURGE_EVERY_MILLIS = 3_600_000;
const HUNG_MILLIS = 600_000;
const DEFAULTS = {
  pollMillis: 1000,
  concurrency: 2,
  sendTimeoutMillis: 15_000,
  backoffMillis: 1000,
  maxBackoffMillis: 300_000,
  giveUpAfterMillis: 7 * DAY,
  retentionMillis: 30 * DAY,
};

interface DeliveryRow {
  readonly event_seq: string;
  readonly attempts: number;
  readonly message_id: string;
  readonly operation: EventOperation;
  readonly phase: EventPhase;
  readonly publisher_id: string;
  readonly created_at: Date;
  readonly payload: Record<string, unknown>;
}

/**
 * The oldest pending event of each job, for one sender. A row that another process is sending is locked, and stays the
 * oldest of its job until that is over: so a job's events are sent one after another, by whomever.
 */
const NEXT_DELIVERY = `
  SELECT d.event_seq, d.attempts, e.message_id, e.operation, e.phase, e.publisher_id, e.created_at, e.payload
    FROM magnetodb_backup.event_deliveries d JOIN magnetodb_backup.events e ON e.seq = d.event_seq
   WHERE d.sender = $1 AND d.state = 'pending' AND d.next_attempt_at <= clock_timestamp()
     AND NOT EXISTS (SELECT FROM magnetodb_backup.event_deliveries earlier
                      WHERE earlier.sender = d.sender AND earlier.job_id = d.job_id AND earlier.state = 'pending'
                        AND earlier.event_seq < d.event_seq)
   ORDER BY d.event_seq LIMIT 1 FOR UPDATE OF d SKIP LOCKED`;

/**
 * Sends the outbox's events: at least once, in order for each job, shared by all processes. Each sender has a loop of its
 * own, and a failing event waits without holding up those of other jobs.
 */
export class OutboxDispatcher {
  private readonly options: Required<OutboxDispatcherOptions>;
  private readonly loops: readonly PollLoop[];
  private purgedAt = 0;
  private stopping = false;

  constructor(options: OutboxDispatcherOptions) {
    this.options = { ...DEFAULTS, ...options };
    const names = new Set(options.senders.map((sender) => sender.name));
    if (names.size !== options.senders.length) throw new Error('two notification senders have one name');
    this.loops = options.senders.map(
      (sender) =>
        new PollLoop(
          () => this.deliverAll(sender),
          this.options.pollMillis,
          (err) => this.options.log.warn({ err, sender: sender.name }, 'notifications are held up; trying again'),
        ),
    );
  }

  start(): void {
    for (const loop of this.loops) loop.start();
  }

  /** Looks at once: to be called when EVENTS_CHANNEL announces something. */
  wake(): void {
    for (const loop of this.loops) loop.wake();
  }

  /** Does it look for what is to be sent, to whomever? Receivers that refuse make it no less healthy. */
  get healthy(): boolean {
    return this.loops.every((loop) => loop.healthy(HUNG_MILLIS));
  }

  /** Resolves when what is being sent has been sent, or has failed. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  private async deliverAll(sender: NotificationSender): Promise<void> {
    const worker = async (): Promise<void> => {
      while (!this.stopping && (await this.deliverNext(sender)));
    };
    await Promise.all(Array.from({ length: this.options.concurrency }, worker));
    await this.purge();
  }

  /** False if there is nothing to send now. */
  private async deliverNext(sender: NotificationSender): Promise<boolean> {
    return this.options.dataSource.transaction(async (tx) => {
      const [row]: DeliveryRow[] = await tx.query(NEXT_DELIVERY, [sender.name]);
      if (row === undefined) return false;
      const failure = await this.attempt(sender, eventOf(row));
      if (failure === undefined) await settle(tx, sender, row, 'delivered');
      else await this.postpone(tx, sender, row, failure.error);
      return true;
    });
  }

  private async attempt(sender: NotificationSender, event: NotificationEvent): Promise<{ error: unknown } | undefined> {
    const abort = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const error = new Error('the receiver did not answer in time');
        abort.abort(error);
        reject(error);
      }, this.options.sendTimeoutMillis);
    });
    try {
      await Promise.race([sender.send(event, abort.signal), timeout]);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      clearTimeout(timer);
    }
  }

  private async postpone(tx: EntityManager, sender: NotificationSender, row: DeliveryRow, err: unknown): Promise<void> {
    const { backoffMillis, maxBackoffMillis, giveUpAfterMillis, log } = this.options;
    const facts = { err, sender: sender.name, message_id: row.message_id, attempts: row.attempts + 1 };
    const pause = Math.min(backoffMillis * 2 ** Math.min(row.attempts, 30), maxBackoffMillis);
    const [updated]: [{ state: string }[], number] = await tx.query(
      `UPDATE magnetodb_backup.event_deliveries d
          SET attempts = d.attempts + 1, next_attempt_at = clock_timestamp() + $3 * interval '1 millisecond',
              state = CASE WHEN e.created_at < clock_timestamp() - $4 * interval '1 millisecond' THEN 'abandoned' ELSE 'pending' END
         FROM magnetodb_backup.events e
        WHERE e.seq = d.event_seq AND d.event_seq = $1 AND d.sender = $2 RETURNING d.state`,
      [row.event_seq, sender.name, pause, giveUpAfterMillis],
    );
    if (updated[0]?.state === 'abandoned') log.error(facts, 'a notification could not be delivered and was given up');
    else log.warn(facts, 'a notification could not be delivered; trying again later');
  }

  private async purge(): Promise<void> {
    if (performance.now() - this.purgedAt < PURGE_EVERY_MILLIS && this.purgedAt !== 0) return;
    this.purgedAt = performance.now();
    await this.options.dataSource.query(
      `DELETE FROM magnetodb_backup.events e
        WHERE e.created_at < clock_timestamp() - $1 * interval '1 millisecond'`,
      [Math.max(this.options.retentionMillis, this.options.giveUpAfterMillis)],
    );
  }
}

async function settle(tx: EntityManager, sender: NotificationSender, row: DeliveryRow, state: 'delivered'): Promise<void> {
  await tx.query(
    `UPDATE magnetodb_backup.event_deliveries SET state = $3, attempts = attempts + 1 WHERE event_seq = $1 AND sender = $2`,
    [row.event_seq, sender.name, state],
  );
}

function eventOf(row: DeliveryRow): NotificationEvent {
  return {
    message_id: row.message_id,
    publisher_id: row.publisher_id,
    event_type: `magnetodb.${row.operation}.${row.phase}`,
    priority: row.phase === 'error' ? 'ERROR' : 'INFO',
    timestamp: isoTime(row.created_at.getTime()),
    payload: row.payload,
  };
}
