import { TableBackend, TokenValidator } from '../../index';
import { isDomainError } from '../../kernel';
import { HealthCheck } from './health.controller';

/** A token that nobody has: asking about it shows that somebody answers. */
const NOBODYS_TOKEN = 'healthcheck';

/** Do the tables answer? */
export function storageCheck(tables: TableBackend): HealthCheck {
  return { name: 'Storage', check: () => tables.ping() };
}

/** Does whoever validates tokens answer? To refuse a token is an answer. */
export function identityCheck(validator: TokenValidator): HealthCheck {
  return {
    name: 'Identity',
    check: async () => {
      try {
        await validator.validate(NOBODYS_TOKEN);
      } catch (error) {
        if (!isDomainError(error, 'Unauthorized')) throw error;
      }
    },
  };
}
