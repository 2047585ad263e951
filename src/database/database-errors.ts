import { types } from 'node:util';
import { DomainError } from '../kernel';

/** SQLSTATE classes and codes (PostgreSQL documentation, appendix A) of a server that is gone, going, coming or full. */
const UNAVAILABLE_STATES = /^(08...|57P0.|53...)$/;
/** Serialization failure, deadlock, lock not available, query cancelled (by statement_timeout): the same work may succeed again. */
const RETRYABLE_STATES = new Set(['40001', '40P01', '55P03', '57014']);
const NETWORK_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
/** What `pg` and its pool say, without a code, when a connection is lost or cannot be had. */
const CONNECTION_LOST = /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Client (was closed|has encountered a connection error)|The server does not support|Cannot use a pool after calling end)/;
/** TypeORM's errors for a query runner whose connection broke under it. */
const RUNNER_LOST = new Set(['QueryRunnerAlreadyReleasedError', 'TransactionNotStartedError', 'CannotExecuteNotConnectedError', 'CannotConnectAlreadyConnectedError']);

/** A `ServiceUnavailable` (transient) if the database cannot be reached, undefined for any other error. */
export function unavailableError(error: unknown): DomainError | undefined {
  if (!isUnavailable(error)) return undefined;
  return new DomainError('ServiceUnavailable', 'the job database cannot be reached at the moment', {
    cause: error,
    retryAfterSeconds: 5,
    transient: true,
  });
}

/** May the same database work succeed if it is simply done again? */
export function isRetryableDatabaseError(error: unknown): boolean {
  const code = codeOf(error);
  return isUnavailable(error) || (code !== undefined && RETRYABLE_STATES.has(code));
}

function isUnavailable(error: unknown): boolean {
  if (!isError(error) || error instanceof DomainError) return false;
  const code = codeOf(error);
  if (code !== undefined) return NETWORK_CODES.has(code) || UNAVAILABLE_STATES.test(code);
  return RUNNER_LOST.has(error.name) || CONNECTION_LOST.test(error.message);
}

/** Node's own errors come from another realm where code runs in a context (Jest's): `instanceof` alone misses them. */
function isError(error: unknown): error is Error {
  return error instanceof Error || types.isNativeError(error);
}

/** The `code` of an error of Node, of PostgreSQL (SQLSTATE) or of TypeORM's QueryFailedError, which copies the driver's. */
export function codeOf(error: unknown): string | undefined {
  const code = isError(error) && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
