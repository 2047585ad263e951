/** What is announced: `magnetodb.<operation>.<phase>`, the dotted names of MagnetoDB's own events. */
export type EventOperation = 'backup.create' | 'backup.delete' | 'restore';
/** `end` and `error` are terminal: a job has exactly one of them. */
export type EventPhase = 'start' | 'end' | 'error';

/** An event to be announced, as the caller's transaction knows it. */
export interface NewEvent {
  readonly jobId: string;
  readonly operation: EventOperation;
  readonly phase: EventPhase;
  /** JSON. Neither secrets nor items. */
  readonly payload: Readonly<Record<string, unknown>>;
}

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
