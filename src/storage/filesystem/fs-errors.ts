import { DomainError, isDomainError } from '../../kernel';

/** No room: of the disk, or of the user's quota. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** What may pass by itself: too many open files, interrupted calls, a network file system that is away. */
const TRANSIENT = new Set([
  'EAGAIN',
  'EBUSY',
  'EINTR',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ESTALE',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'ENETDOWN',
  'ENETUNREACH',
]);

/** The `errno` name of a failed system call; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Is this the error of a path that is not there? */
export function isMissing(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * The domain error for whatever went wrong in the file system: `StorageFull`, or `StorageError` that names the system's error code and
 * no path. Domain errors, such as a source's own, stay as they are.
 */
export function storageErrorFrom(error: unknown): DomainError {
  if (isDomainError(error)) return error;
  const code = errnoOf(error);
  if (code !== undefined && FULL.has(code)) {
    return new DomainError('StorageFull', `no room left in the object store (${code})`, { cause: error });
  }
  const reason = code === undefined ? 'the object could not be stored or read' : `the file system answered ${code}`;
  return new DomainError('StorageError', `object store: ${reason}`, {
    cause: error,
    transient: code !== undefined && TRANSIENT.has(code),
  });
}
