/**
 * Every error that the product raises on purpose. The code says what happened; which HTTP status that
 * is, is decided in one place only (src/http/error-body.ts). The names are MagnetoDB's where it has one.
 */
export const ERROR_CODES = [
  'ValidationError',
  'Unauthorized',
  'Forbidden',
  'NotFound',
  'MethodNotAllowed',
  'TableNotExistsException',
  'TableAlreadyExistsException',
  'ResourceInUseException',
  'ConditionalCheckFailedException',
  'BackupNotExists',
  'RestoreJobNotExists',
  'ConflictError',
  'BackupQuotaExceeded',
  'RequestTooLarge',
  'TableLocked',
  'RequestQuotaExceeded',
  'ServiceUnavailable',
  'InternalError',
  // The rest end jobs; they are seen in a resource's `error` and never as an HTTP status of their own.
  'TableChanged',
  'Cancelled',
  'ArchiveDamaged',
  'ArchiveUnsupported',
  'StorageError',
  'StorageFull',
  'VerificationFailed',
  'KeyCollision',
  'AttemptsExhausted',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface DomainErrorOptions {
  /** What caused it. Logged, never shown to a client. */
  cause?: unknown;
  /** For `TableLocked`, `RequestQuotaExceeded`, `ServiceUnavailable`: when to come back, in seconds. */
  retryAfterSeconds?: number;
  /** May the same call succeed later without anybody changing anything? Jobs retry only such errors. Default false. */
  transient?: boolean;
}

/** An error with a code for programs and a message for people. The message may be shown: no secrets, no paths, no hosts. */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | undefined;
  readonly transient: boolean;

  constructor(code: ErrorCode, message: string, options: DomainErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DomainError';
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.transient = options.transient ?? false;
  }
}

/** Shorthand for the commonest of them. */
export function validationError(message: string): DomainError {
  return new DomainError('ValidationError', message);
}

/** Locks are short and mostly end long before their deadline: nobody is sent away for longer. */
const MAX_LOCKED_RETRY_SECONDS = 5;

/** A table in MAINTENANCE. @param secondsLeft until the lock's deadline */
export function tableLocked(name: string, secondsLeft: number): DomainError {
  const retryAfterSeconds = Math.min(MAX_LOCKED_RETRY_SECONDS, Math.max(1, Math.ceil(secondsLeft)));
  return new DomainError('TableLocked', `Table '${name}' is in maintenance.`, { retryAfterSeconds, transient: true });
}

export function isDomainError(error: unknown, code?: ErrorCode): error is DomainError {
  return error instanceof DomainError && (code === undefined || error.code === code);
}
