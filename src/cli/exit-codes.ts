import { DomainError, ErrorCode } from '../kernel';

/** What a script can tell from the exit status (docs/cli.md). */
export const EXIT = {
  ok: 0,
  /** A job or a verification failed, an archive is damaged, or the server broke down. */
  failed: 1,
  /** The command line, or what it asks for, is not valid. */
  usage: 2,
  notFound: 3,
  /** The server wants another token, or other rights. */
  refused: 4,
  /** Conflict, lock or quota: the same command may succeed later. */
  conflict: 5,
  /** Server, network or store cannot be reached. */
  unavailable: 6,
  /** SIGINT or SIGTERM, as shells number it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error that ends the command with a status and a message for people. */
export class CliError extends Error {
  constructor(
    readonly exitCode: ExitCode,
    /** For programs, as `error.type` of the REST API. */
    readonly type: string,
    message: string,
  ) {
    super(message);
    this.name = 'CliError';
  }
}

export function usageError(message: string): CliError {
  return new CliError(EXIT.usage, 'UsageError', message);
}

/** The exit code of an HTTP status that is not 2xx. */
export function exitCodeOfStatus(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT.refused;
  if (status === 404) return EXIT.notFound;
  if ([409, 413, 423, 429].includes(status)) return EXIT.conflict;
  if ([502, 503, 504].includes(status)) return EXIT.unavailable;
  return status >= 400 && status < 500 ? EXIT.usage : EXIT.failed;
}

const OF_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  ValidationError: EXIT.usage,
  BackupNotExists: EXIT.notFound,
  NotFound: EXIT.notFound,
  ConflictError: EXIT.conflict,
  StorageError: EXIT.unavailable,
};

/** Every error as one that knows its exit code. */
export function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof DomainError) return new CliError(OF_CODE[error.code] ?? EXIT.failed, error.code, error.message);
  return new CliError(EXIT.failed, 'InternalError', error instanceof Error ? error.message : String(error));
}
