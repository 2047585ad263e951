/** What is announced: `magnetodb.<operation>.<phase>`, the dotted names of MagnetoDB's own events. */
const EVENT_OPERATIONS = ['backup.create', 'backup.delete', 'restore', 'table.drop'] as const;
/** `end` and `error` are terminal: a job has exactly one of them. */
const EVENT_PHASES = ['start', 'end', 'error'] as const;
export type EventOperation = (typeof EVENT_OPERATIONS)[number];
export type EventPhase = (typeof EVENT_PHASES)[number];

/** An event to be announced, as the caller's transaction knows it. */
export interface NewEvent {
  readonly jobId: string;
  readonly operation: EventOperation;
  readonly phase: EventPhase;
  /** JSON. Neither secrets nor items. */
  readonly payload: Readonly<Record<string, unknown>>;
}

export function eventTypeOf({ operation, phase }: Pick<NewEvent, 'operation' | 'phase'>): string {
  return `magnetodb.${operation}.${phase}`;
}

/** Every type of event that there is. */
export const EVENT_TYPES: readonly string[] = EVENT_OPERATIONS.flatMap((operation) => EVENT_PHASES.map((phase) => eventTypeOf({ operation, phase })));

/** A notification as senders get it: the fields of an oslo.messaging notification (its envelope is a sender's affair). */
export interface NotificationEvent {
  /** UUID; the same at every delivery of this event, so that listeners can tell a repetition. */
  readonly message_id: string;
  /** `magnetodb.<host>` of the process that made the event. */
  readonly publisher_id: string;
  readonly event_type: string;
  readonly priority: 'INFO' | 'ERROR';
  /** When it happened: ISO 8601 UTC, milliseconds. */
  readonly timestamp: string;
  readonly payload: Readonly<Record<string, unknown>>;
}
