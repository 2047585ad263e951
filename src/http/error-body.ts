import { DomainError, ErrorCode } from '../kernel';

/** The one body of every error answer: MagnetoDB's own shape. `traceback` is always null: a client is never shown a stack. */
export interface ErrorBody {
  readonly code: number;
  readonly title: string;
  readonly explanation: string;
  readonly error: { readonly message: string; readonly type: PublicErrorType; readonly traceback: null };
}

/** An error answer, before it meets a platform. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

/** What a client may see as `error.type`: the codes of the REST contract; the rest end jobs and are shown in a job's own `error`. */
export type PublicErrorType = Exclude<
  ErrorCode,
  | 'TableChanged'
  | 'Cancelled'
  | 'ArchiveDamaged'
  | 'ArchiveUnsupported'
  | 'StorageError'
  | 'StorageFull'
  | 'VerificationFailed'
  | 'KeyCollision'
  | 'AttemptsExhausted'
>;

/** The challenge of a 401 (RFC 6750, section 3). `X-Auth-Token` has none of its own. */
const CHALLENGE = 'Bearer realm="magnetodb"';

/** What an error without a message for people says. */
const INTERNAL_MESSAGE = 'An internal error occurred.';

const STATUS: Record<PublicErrorType, number> = {
  ValidationError: 400,
  TableAlreadyExistsException: 400,
  ResourceInUseException: 400,
  ConditionalCheckFailedException: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  TableNotExistsException: 404,
  BackupNotExists: 404,
  RestoreJobNotExists: 404,
  MethodNotAllowed: 405,
  ConflictError: 409,
  BackupQuotaExceeded: 413,
  RequestTooLarge: 413,
  TableLocked: 423,
  RequestQuotaExceeded: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
};

const WORDS: Record<number, { readonly title: string; readonly explanation: string }> = {
  400: { title: 'Bad Request', explanation: 'The request is malformed, or cannot be carried out as it stands.' },
  401: { title: 'Unauthorized', explanation: 'The request needs a valid token.' },
  403: { title: 'Forbidden', explanation: 'The token does not allow this request.' },
  404: { title: 'Not Found', explanation: 'The resource does not exist.' },
  405: { title: 'Method Not Allowed', explanation: 'The resource has no such method.' },
  409: { title: 'Conflict', explanation: 'The request conflicts with the present state of the resource.' },
  413: { title: 'Request Entity Too Large', explanation: 'The request exceeds a limit on size or amount.' },
  423: { title: 'Locked', explanation: 'The resource is locked for a short time.' },
  429: { title: 'Too Many Requests', explanation: 'The limit of requests in a time is reached.' },
  500: { title: 'Internal Server Error', explanation: 'The server failed to carry out the request.' },
  503: { title: 'Service Unavailable', explanation: 'The service cannot answer at the moment.' },
};

/**
 * Which answer a code gives. Codes that end jobs can still surface in a call that reads an archive or a location before its
 * job exists (a dry run, an import); they answer as the nearest type that the contract knows, or as an internal error.
 */
export function publicType(code: ErrorCode): PublicErrorType {
  switch (code) {
    case 'ArchiveDamaged':
    case 'ArchiveUnsupported':
      return 'ValidationError';
    case 'StorageError':
    case 'StorageFull':
      return 'ServiceUnavailable';
    case 'TableChanged':
      return 'ConflictError';
    case 'Cancelled':
    case 'VerificationFailed':
    case 'KeyCollision':
    case 'AttemptsExhausted':
      return 'InternalError';
    default:
      // A new code that is named neither in this switch and PublicErrorType nor in STATUS does not compile.
      return code;
  }
}

/** The HTTP status of a public type. */
export function statusOf(type: PublicErrorType): number {
  return STATUS[type];
}

/** The type of an answer whose status alone is known (an exception of the platform). */
export function typeOfStatus(status: number): PublicErrorType {
  switch (status) {
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 405:
      return 'MethodNotAllowed';
    case 409:
      return 'ConflictError';
    case 413:
      return 'RequestTooLarge';
    case 423:
      return 'TableLocked';
    case 429:
      return 'RequestQuotaExceeded';
    case 503:
      return 'ServiceUnavailable';
    default:
      return status >= 400 && status < 500 ? 'ValidationError' : 'InternalError';
  }
}

/**
 * A body as documentation shows it, for a status and what is said of it: of the type that the words begin with (`BackupNotExists: …`), or
 * else of the status's usual one.
 */
export function errorExample(status: number, words: string): ErrorBody {
  const named = /^\w+/.exec(words)?.[0] ?? '';
  const type = isPublicType(named) && STATUS[named] === status ? named : typeOfStatus(status);
  return errorAnswer(type, WORDS[status]?.explanation ?? INTERNAL_MESSAGE).body;
}

function isPublicType(text: string): text is PublicErrorType {
  return Object.hasOwn(STATUS, text);
}

/** The answer to a public type with a message for people. */
export function errorAnswer(type: PublicErrorType, message: string, retryAfterSeconds?: number): ErrorAnswer {
  const status = STATUS[type];
  const words = WORDS[status] ?? { title: 'Error', explanation: '' };
  const headers: Record<string, string> = {};
  if (status === 401) headers['WWW-Authenticate'] = CHALLENGE;
  if (retryAfterSeconds !== undefined) headers['Retry-After'] = String(Math.max(1, Math.ceil(retryAfterSeconds)));
  return { status, headers, body: { code: status, ...words, error: { message, type, traceback: null } } };
}

/** The answer to a domain error. The message of an internal error stays inside: whoever raised it was not thinking of clients. */
export function answerOfDomainError(error: DomainError): ErrorAnswer {
  const type = publicType(error.code);
  return errorAnswer(type, type === 'InternalError' ? INTERNAL_MESSAGE : error.message, error.retryAfterSeconds);
}

/** The answer to anything that nobody foresaw. */
export function internalAnswer(): ErrorAnswer {
  return errorAnswer('InternalError', INTERNAL_MESSAGE);
}
