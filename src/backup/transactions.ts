import { DataSource, EntityManager } from 'typeorm';
import { isRetryableDatabaseError, unavailableError } from '../database';

const MAX_TRIES = 5;

/**
 * Runs a transaction, again if the database chose it as the victim of a deadlock: the runner and a client's call may lock a job and its
 * backup in opposite order. The work must be all in the database, so that doing it again is doing it once.
 */
export async function inTransaction<T>(dataSource: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await dataSource.transaction(work);
    } catch (error) {
      const again = isRetryableDatabaseError(error) && unavailableError(error) === undefined;
      if (!again || tries === MAX_TRIES) throw error;
    }
  }
}
