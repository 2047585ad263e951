import { errors, types } from 'cassandra-driver';
import { DomainError } from '../../kernel';
import { unavailable } from '../backend-errors';

export { keyCollision, tableChanged, tableNotExists, unavailable } from '../backend-errors';

const { responseErrorCodes: codes } = types;
/** What passes by itself. */
const PASSING = new Set([
  codes.serverError,
  codes.unavailableException,
  codes.overloaded,
  codes.isBootstrapping,
  codes.truncateError,
  codes.writeTimeout,
  codes.readTimeout,
  codes.readFailure,
  codes.writeFailure,
  /** A lightweight transaction whose end is not known. */
  0x1700,
]);
/** Slow nodes, and tombstones without end. */
const TOO_MUCH = new Set([codes.readTimeout, codes.readFailure]);
const NO_SUCH_TABLE = /does not exist|unconfigured table|unconfigured columnfamily/i;

/** The DomainError for whatever a call of the driver threw; neither CQL nor hosts are in its message. */
export function domainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  const ours = [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
  if (ours) return new DomainError('InternalError', 'A call of the tables backend failed.', { cause: error });
  const response = responseOf(error);
  if (response === undefined || PASSING.has(response.code)) return unavailable(error);
  return new DomainError('InternalError', 'The tables database refused a call.', { cause: error });
}

/**
 * Of a read: `hard` if it may be too much that was to be read, `passing` if it only has to be asked again; undefined: neither, so that it fails for good.
 */
export function readTrouble(error: unknown): 'hard' | 'passing' | undefined {
  const response = responseOf(error);
  if (response && TOO_MUCH.has(response.code)) return 'hard';
  if (!domainError(error).transient) return undefined;
  const inner: unknown[] = error instanceof errors.NoHostAvailableError ? Object.values({ ...error.innerErrors }) : [];
  return [error, ...inner].some((each) => each instanceof errors.OperationTimedOutError) ? 'hard' : 'passing';
}

/** Was the physical table, or what was prepared for it, gone? */
export function isVanished(error: unknown): boolean {
  const response = responseOf(error);
  if (response === undefined) return false;
  return response.code === codes.unprepared || (response.code === codes.invalid && NO_SUCH_TABLE.test(response.message));
}

/** The server's word that a statement cannot be, e.g. that a value is too long. */
export function isInvalid(error: unknown): boolean {
  return responseOf(error)?.code === codes.invalid;
}

/** Was it more than the cluster takes as one batch (its `batch_size_fail_threshold`)? */
export function isTooLarge(error: unknown): boolean {
  const response = responseOf(error);
  return response?.code === codes.invalid && /batch too large/i.test(response.message);
}

export function tableAlreadyExists(name: string): DomainError {
  return new DomainError('TableAlreadyExistsException', `Table '${name}' already exists.`);
}

/** What the server itself said; of several hosts, what one of them said. */
function responseOf(error: unknown): errors.ResponseError | undefined {
  if (error instanceof errors.ResponseError) return error;
  if (!(error instanceof errors.NoHostAvailableError)) return undefined;
  // Without any host to try there are none, whatever the typings say.
  const inner: unknown[] = Object.values({ ...error.innerErrors });
  return inner.find((each) => each instanceof errors.ResponseError);
}
