import { errors, types } from 'cassandra-driver';
import { DomainError } from '../../kernel';
import { unavailable } from '../backend-errors';

export { tableChanged, tableNotExists, unavailable } from '../backend-errors';

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
