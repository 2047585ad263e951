/** What this room logs to: a part of the telemetry room's logger, which it must not import. */
export interface NotificationLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
