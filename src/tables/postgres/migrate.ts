import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { TABLE_MIGRATIONS } from '../../../migrations/tables';
import { domainError } from './errors';

/** The registry's schema: there before the first migration, since it also holds which of them have run. */
const SCHEMA = 'magnetodb';
const HISTORY_TABLE = 'table_migrations';
/** Session advisory lock: processes that start together migrate one after the other. */
const MIGRATION_LOCK = 7_240_231;

/**
 * Brings the registry up to date, or takes it away again (`down`, with every table).
 * @throws DomainError ServiceUnavailable
 */
export async function migrateTables(
  connectionString: string,
  direction: 'up' | 'down',
  connectTimeoutMillis: number,
): Promise<void> {
  const guard = new Client({ connectionString, connectionTimeoutMillis: connectTimeoutMillis });
  guard.on('error', () => undefined);
  try {
    await guard.connect();
    await guard.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await guard.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
    await runMigrations(connectionString, direction, connectTimeoutMillis);
  } catch (error) {
    throw domainError(error);
  } finally {
    await guard.end().catch(() => undefined);
  }
}

async function runMigrations(url: string, direction: 'up' | 'down', connectTimeoutMS: number): Promise<void> {
  const source = new DataSource({
    type: 'postgres',
    url,
    // Without it, the history would be sought in whatever schema the role's search path finds first.
    schema: SCHEMA,
    migrations: TABLE_MIGRATIONS,
    migrationsTableName: HISTORY_TABLE,
    connectTimeoutMS,
    extra: { max: 2 },
  });
  await source.initialize();
  try {
    if (direction === 'up') await source.runMigrations({ transaction: 'all' });
    else for (const _each of TABLE_MIGRATIONS) await source.undoLastMigration({ transaction: 'all' });
  } finally {
    await source.destroy();
  }
}
