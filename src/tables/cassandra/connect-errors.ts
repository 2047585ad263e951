import { errors } from 'cassandra-driver';
import { DomainError } from '../../kernel';
import { domainError } from './errors';

/** Of Node's TLS: what is wrong with the other side's certificate, or with what it is judged by. */
const CERTIFICATE = /CERT|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY|SELF_SIGNED|CRL_/;

/** The DomainError for a first connection that did not come about: what an operator has to mend is told from a cluster that is away. */
export function connectError(error: unknown): DomainError {
  const reasons: unknown[] = error instanceof errors.NoHostAvailableError ? Object.values({ ...error.innerErrors }) : [error];
  if (reasons.some((reason) => reason instanceof errors.AuthenticationError)) return refused('The tables database refuses the user name and password, or asks for them.', error);
  if (reasons.some(isAboutCertificates)) return refused('The certificate of the tables database is not trusted, or is not for this host.', error);
  return domainError(error);
}

function refused(message: string, cause: unknown): DomainError {
  return new DomainError('ServiceUnavailable', message, { cause });
}

function isAboutCertificates(reason: unknown): boolean {
  const code = typeof reason === 'object' && reason !== null && 'code' in reason ? reason.code : undefined;
  return typeof code === 'string' && CERTIFICATE.test(code);
}
