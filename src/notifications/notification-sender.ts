import type { NotificationEvent } from './event';

/**
 * Where notifications go.
 *
 * Rules for every adapter (test/contract/notification-sender.contract.ts shows each):
 * - `send` resolves once the event is safely with the receiver. Any rejection means "again later": the dispatcher repeats
 *   it, with growing pauses. So an event may arrive twice; its `message_id` tells.
 * - Adapters never retry. They give up when `signal` aborts: the dispatcher bounds every call.
 * - Events of one job are sent in their order, one after another; events of different jobs at the same time.
 * - Nothing of the receiver (address, credentials) in errors.
 */
export interface NotificationSender {
  /** Stable: deliveries are kept under it. */
  readonly name: string;
  send(event: NotificationEvent, signal: AbortSignal): Promise<void>;
}
