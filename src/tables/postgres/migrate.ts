import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { TABLE_MIGRATIONS } from '../../../migrations/tables';
import { domainError } from './errors';

/** Where TypeORM keeps which of these migrations have run. */
const HISTORY_TABLE = 'magnetodb_table_migrations';
/** Session advisory lock: processes that start together migrate one after the other. */
const MIGRATION_LOCK = 7_240_231;

/**
 * Brings the registry up to date, or takes it away again (`down`, with every table).
 * @throws DomainError ServiceUnavailable
 */
export async function migrateTables(connectionString: string, direction: 'up' | 'down', connectTimeoutMillis: number): Promise<void> {
  const guard = new Client({ connectionString, connectionTimeoutMillis: connectTimeoutMillis });
  guard.on('error', () => undefined);
  try {
    await guard.connect();
    await guard.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
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
