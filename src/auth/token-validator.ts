import { Identity } from './identity';

/**
 * Port: says whose a token is. A host may bring its own.
 *
 * - Any number of calls may run at once; a call changes nothing.
 * - An identity is returned only while the token holds; how long a revoked one is still accepted (a cache) is the adapter's to document.
 * - Neither errors nor logs hold a token or a part of one.
 */
export interface TokenValidator {
  /**
   * @throws DomainError `Unauthorized` if the token is unknown, malformed, expired or revoked; `Forbidden` if it is valid but
   * for neither a project nor the system; `ServiceUnavailable` (transient) if that cannot be found out now.
   */
  validate(token: string): Promise<Identity>;
}

/** Injection token of the validator in use. */
export const TOKEN_VALIDATOR = Symbol('TokenValidator');
