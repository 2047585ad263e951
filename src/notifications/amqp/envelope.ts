import type { NotificationEvent } from '../event';

/**
 * The body of a message: oslo.messaging's envelope, version 2.0, whose content is itself a JSON text. Times are written as oslo's
 * notifiers write them (UTC without saying so, microseconds). The `_unique_id`, by which oslo tells one sending from another, is the same
 * at every repetition.
 */
export function envelope(event: NotificationEvent): Buffer {
  const message = { ...event, timestamp: event.timestamp.replace('T', ' ').replace('Z', '000'), _unique_id: event.message_id.replaceAll('-', '') };
  return Buffer.from(JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(message) }));
}

/** Consumers bind by it: the topic, and the priority in lower case. */
export function routingKey(topic: string, priority: NotificationEvent['priority']): string {
  return `${topic}.${priority.toLowerCase()}`;
}
