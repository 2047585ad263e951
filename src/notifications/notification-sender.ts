import type { NotificationEvent } from './event';

/** What a sender chooses its events by. */
export type EventSubject = Pick<NotificationEvent, 'event_type' | 'payload'>;

/**
 * Where notifications go.
 *
 * Rules for every adapter (test/contract/notification-sender.contract.ts shows each):
 * - `send` resolves once the event is safely with the receiver. A rejection means "again later": the dispatcher repeats it, with growing
 *   pauses, and gives it up at last. So an event may arrive twice; its `message_id` tells. `DeliveryError` can say more: "not again",
 *   or "nothing before so many milliseconds"; of other errors only the name is kept.
 * - Adapters never retry. They give up when `signal` aborts: the dispatcher bounds every call.
 * - Events of one job are sent in their order, one after another; events of different jobs at the same time.
 * - Nothing of the receiver (address, credentials) in errors: what they say is kept beside the event, and shown to administrators.
 */
export interface NotificationSender {
  /** Stable: deliveries are kept under it. Lower-case letters, digits and dashes. */
  readonly name: string;
  /** Asked in the transaction that makes an event: if false, it never comes to `send`. Answers by what it is given alone, at once. */
  wants(event: EventSubject): boolean;
  send(event: NotificationEvent, signal: AbortSignal): Promise<void>;
  /** Called when the dispatcher has stopped: lets go of connections, within a second or two. A later `send` makes new ones. */
  close?(): Promise<void>;
}

/** A failed delivery of which the sender knows what is to become of it. */
export class DeliveryError extends Error {
  /** The receiver wants this event never: it becomes a dead letter at once. */
  readonly refused: boolean;
  /** The receiver wants nothing at all before that. The dispatcher bounds it. */
  readonly retryAfterMillis: number | undefined;

  constructor(message: string, { refused = false, retryAfterMillis }: { refused?: boolean; retryAfterMillis?: number | undefined } = {}) {
    super(message);
    this.name = 'DeliveryError';
    this.refused = refused;
    this.retryAfterMillis = retryAfterMillis;
  }
}
