import { Clock } from '../../kernel';
import { Database } from './database';
import { Registry } from './registry';

/** What the parts of this backend share. */
export interface Services {
  readonly db: Database;
  readonly registry: Registry;
  readonly clock: Clock;
}

/** Seconds since the epoch: an item whose expiry is at or before it does not exist. */
export function expiryCutoff(services: Services): number {
  return Math.floor(services.clock.now() / 1000);
}
