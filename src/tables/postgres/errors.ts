import { DomainError } from '../../kernel';
import { tableChanged, unavailable } from '../backend-errors';

export { tableChanged, tableNotExists, unavailable } from '../backend-errors';

/** SQLSTATEs that decide something here (PostgreSQL manual, appendix A). */
export const SQL_STATE = {
  uniqueViolation: '23505',
  undefinedTable: '42P01',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  diskFull: '53100',
} as const;

/**
 * SQLSTATE classes, or whole codes, of what passes by itself: connection lost, resources short, a timeout, a server that starts
 * or stops. 57014 is the statement's timeout, 55P03 the lock's, 25P03 that of an idle transaction; 3D000 a database being replaced.
 */
const PASSING = [
  '08',
  '53',
  '57',
  '58',
  '25P03',
  '55P03',
  '25006',
  '3D000',
  SQL_STATE.serializationFailure,
  SQL_STATE.deadlockDetected,
];

/** The SQLSTATE of an error that the server sent; undefined for any other (Node's own codes are of another shape). */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The DomainError for whatever a call of the driver threw; neither SQL nor hosts are in its message. */
export function domainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  const state = sqlState(error);
  if (state === SQL_STATE.diskFull) {
    return new DomainError('StorageFull', 'The tables database has no room left.', { cause: error });
  }
  const ours = [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
  if (ours) return new DomainError('InternalError', 'A call of the tables backend failed.', { cause: error });
  // Without a SQLSTATE it never was the server's word: the connection failed, or was never made.
  if (state === undefined || PASSING.some((prefix) => state.startsWith(prefix))) return unavailable(error);
  return new DomainError('InternalError', 'The tables database refused a call.', { cause: error });
}

/** Runs a call of the backend with the driver's errors made domain errors. */
export async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw domainError(error);
  }
}

/** Runs a read of a content; that its physical table is gone is `TableChanged`. */
export async function vanishedAsChanged<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw sqlState(error) === SQL_STATE.undefinedTable ? tableChanged() : error;
  }
}
