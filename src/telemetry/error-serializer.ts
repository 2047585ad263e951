import { types } from 'node:util';

/** An error as it is logged. */
export interface LoggedError {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  /** The frames, and who caused what where the stack says so: its first line repeats the message. */
  readonly stack?: readonly string[];
  readonly cause?: LoggedError;
}

const MAX_CAUSES = 5;
/** Node keeps ten frames of an error; a stack may tell those of its causes as well. */
const MAX_LINES = 44;

/**
 * What may be logged of an error. Named properties only: drivers hang queries, parameters (items!), requests and hosts onto
 * theirs. A failed query's message can quote data, so only its SQLSTATE is kept.
 */
export function serializeError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error) && !types.isNativeError(error)) return { type: typeof error };
  const code = 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? String(error.code) : undefined;
  const quotesData = error.name === 'QueryFailedError' || 'severity' in error;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    ...(quotesData ? {} : { message: error.message }),
    ...(error.stack === undefined ? {} : { stack: frames(error.stack) }),
    ...(error.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: serializeError(error.cause, depth + 1) }),
  };
}

function frames(stack: string): string[] {
  const lines = stack.split('\n').filter((line) => line.startsWith('    at ') || line.startsWith('caused by: '));
  return lines.slice(0, MAX_LINES).map((line) => line.trim());
}
