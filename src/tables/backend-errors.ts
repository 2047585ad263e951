import { DecodedItem, DomainError } from '../kernel';

const RETRY_AFTER_SECONDS = 5;
const SHOWN_KEY_CHARACTERS = 300;

export function unavailable(cause?: unknown): DomainError {
  return new DomainError('ServiceUnavailable', 'The tables database cannot be reached, or is too busy.', {
    cause,
    transient: true,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

export function tableNotExists(name: string): DomainError {
  return new DomainError('TableNotExistsException', `Table '${name.slice(0, 255)}' does not exist.`);
}

export function tableChanged(): DomainError {
  return new DomainError('TableChanged', 'The table was dropped or replaced meanwhile.');
}

export function keyCollision({ canonicalKey }: Pick<DecodedItem, 'canonicalKey'>): DomainError {
  const key = canonicalKey.toString('utf8').slice(0, SHOWN_KEY_CHARACTERS);
  return new DomainError('KeyCollision', `Two different items have the key ${key}.`);
}
