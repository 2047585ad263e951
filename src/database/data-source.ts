import { setTimeout as delay } from 'node:timers/promises';
import { DataSource, DataSourceOptions } from 'typeorm';
import { JOB_MIGRATIONS } from '../../migrations/jobs';
import { connectTimeoutOf, DomainError } from '../kernel';
import { isRetryableDatabaseError } from './database-errors';

/** Name of the plugin's data source in a host that has others: `@InjectDataSource(BACKUP_DATA_SOURCE)`. */
export const BACKUP_DATA_SOURCE = 'magnetodb_backup';
/** PostgreSQL schema of everything that the plugin keeps; raw SQL names it. */
export const BACKUP_SCHEMA = 'magnetodb_backup';

/** Advisory lock under which migrations run, so that any number of processes may start at once. */
const MIGRATION_LOCK = 7_240_116;
const MIGRATION_WAIT_MILLIS = 120_000;

export interface DatabaseOptions {
  /** `postgresql://…`; a secret. */
  readonly url: string;
  readonly entities: NonNullable<DataSourceOptions['entities']>;
  /** Default: all. */
  readonly migrations?: readonly (typeof JOB_MIGRATIONS)[number][];
  /** How PostgreSQL lists the connections. Default `magnetodb_backup`. */
  readonly applicationName?: string;
  /** Connections of this process at most. Default 20. */
  readonly maxConnections?: number;
  /** Called for errors of idle connections, which only mean that the database went away for a while. */
  readonly onConnectionError?: (error: unknown) => void;
}

/**
 * The data source, not yet connected. It reconnects by itself: after an outage, the next query takes a new connection.
 * Nothing waits for ever on it: getting a connection is bounded (10 s, or the URL's `connect_timeout`), and so is every statement (60 s).
 */
export function createDataSource(options: DatabaseOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url: options.url,
    schema: BACKUP_SCHEMA,
    applicationName: options.applicationName ?? BACKUP_DATA_SOURCE,
    entities: options.entities,
    migrations: [...(options.migrations ?? JOB_MIGRATIONS)],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    installExtensions: false,
    poolErrorHandler: (error: unknown) => options.onConnectionError?.(error),
    extra: {
      max: options.maxConnections ?? 20,
      connectionTimeoutMillis: connectTimeoutOf(options.url) ?? 10_000,
      statement_timeout: 60_000,
      idle_in_transaction_session_timeout: 300_000,
      keepAlive: true,
    },
  });
}

/** Connects, and brings the schema up to date. Waits up to `waitMillis` (default 30 s) for a server that is still starting. */
export async function openDataSource(options: DatabaseOptions, waitMillis = 30_000): Promise<DataSource> {
  const dataSource = createDataSource(options);
  const deadline = Date.now() + waitMillis;
  while (!dataSource.isInitialized) {
    try {
      await dataSource.initialize();
    } catch (error) {
      if (!isRetryableDatabaseError(error) || Date.now() >= deadline) throw error;
      await delay(250);
    }
  }
  try {
    await migrate(dataSource);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return dataSource;
}

/** Runs the pending migrations. Safe to call from any number of processes at once. */
export async function migrate(dataSource: DataSource): Promise<void> {
  await underMigrationLock(dataSource, async () => {
    await dataSource.query(`CREATE SCHEMA IF NOT EXISTS ${BACKUP_SCHEMA}`);
    await dataSource.runMigrations();
  });
}

/**
 * Makes the schema anew as it was after these migrations, has it filled, and runs those that came later. All data are lost but what is filled in. All under
 * the lock of migrations, so that no gateway starts meanwhile.
 * @throws DomainError `ArchiveUnsupported` naming a migration that this version does not know
 */
export async function remakeSchema(
  url: string,
  migrations: readonly string[],
  steps: { readonly before: () => Promise<void>; readonly fill: () => Promise<void> },
): Promise<void> {
  const unknown = migrations.find((name) => !JOB_MIGRATIONS.some((migration) => migration.name === name));
  if (unknown !== undefined) throw new DomainError('ArchiveUnsupported', `the migration ${unknown} is of a newer version than this one`);
  const then = createDataSource({ url, entities: [], migrations: JOB_MIGRATIONS.filter(({ name }) => migrations.includes(name)), applicationName: 'remake_schema' });
  const now = createDataSource({ url, entities: [], applicationName: 'remake_schema' });
  try {
    await then.initialize();
    await now.initialize();
    await underMigrationLock(then, async () => {
      await steps.before();
      await then.query(`DROP SCHEMA IF EXISTS ${BACKUP_SCHEMA} CASCADE`);
      await then.query(`CREATE SCHEMA ${BACKUP_SCHEMA}`);
      await then.runMigrations();
      await steps.fill();
      await now.runMigrations();
    });
  } finally {
    for (const dataSource of [then, now]) if (dataSource.isInitialized) await dataSource.destroy();
  }
}

/** Takes every migration back, newest first: what is left is an empty schema. All data are lost. */
export async function revertMigrations(dataSource: DataSource): Promise<void> {
  await underMigrationLock(dataSource, async () => {
    for (let left = JOB_MIGRATIONS.length; left > 0; left -= 1) await dataSource.undoLastMigration();
  });
}

async function underMigrationLock(dataSource: DataSource, work: () => Promise<void>): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    const deadline = Date.now() + MIGRATION_WAIT_MILLIS;
    for (;;) {
      const [row]: { locked: boolean }[] = await runner.query('SELECT pg_try_advisory_lock($1) AS locked', [MIGRATION_LOCK]);
      if (row?.locked === true) break;
      if (Date.now() > deadline) throw new Error('another process has been migrating the database for two minutes');
      await delay(100);
    }
    try {
      await work();
    } finally {
      await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    }
  } finally {
    await runner.release();
  }
}
