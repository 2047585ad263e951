import { DataSource } from 'typeorm';
import { JOB_MIGRATIONS } from '../../migrations/jobs';
import { TestDatabase, createTestDatabase } from '../../test/setup/database';
import { until } from '../../test/setup/until';
import { EventDeliveryEntity, EventEntity } from '../notifications';
import { JobEntity, JobStepEntity } from '../jobs';
import { NotificationListener, migrate, openDataSource, revertMigrations, unavailableError } from '.';

describe('the job database', () => {
  let database: TestDatabase;
  const open: DataSource[] = [];
  const connect = async (): Promise<DataSource> => {
    const entities = [JobEntity, JobStepEntity, EventEntity, EventDeliveryEntity];
    const dataSource = await openDataSource({ url: database.url, entities, maxConnections: 4 });
    open.push(dataSource);
    return dataSource;
  };
  const cutAllConnections = async (): Promise<void> => {
    const dataSource = await connect();
    await dataSource.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
  };

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    for (const dataSource of open.splice(0)) if (dataSource.isInitialized) await dataSource.destroy();
    await database.drop();
  });

  const objects = async (dataSource: DataSource): Promise<unknown[]> =>
    dataSource.query(
      `SELECT c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'magnetodb_backup' AND c.relname <> 'migrations' AND c.relname NOT LIKE 'migrations_%' AND c.relname NOT LIKE '%"PK_%'
          AND c.relname NOT LIKE 'PK_%' ORDER BY 1`,
    );

  it('is migrated once by many processes that start at the same time', async () => {
    const dataSources = await Promise.all([connect(), connect(), connect()]);
    const [row]: { n: number }[] = await dataSources[0].query('SELECT count(*)::integer AS n FROM magnetodb_backup.migrations');
    expect(row?.n).toBe(JOB_MIGRATIONS.length);
  });

  it('goes all the way down, leaving nothing, and up again to the same', async () => {
    const dataSource = await connect();
    const before = await objects(dataSource);
    expect(before.length).toBeGreaterThan(4);
    await revertMigrations(dataSource);
    expect(await objects(dataSource)).toEqual([]);
    await migrate(dataSource);
    expect(await objects(dataSource)).toEqual(before);
  });

  it('has the columns that the entities name, with their types', async () => {
    const dataSource = await connect();
    const rows: { table_name: string; column_name: string; data_type: string; is_nullable: string }[] = await dataSource.query(
      `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'magnetodb_backup'`,
    );
    for (const metadata of dataSource.entityMetadatas) {
      const expected = metadata.columns.map((column) => ({
        column_name: column.databaseName,
        data_type: String(column.type).replace('timestamptz', 'timestamp with time zone'),
        is_nullable: column.isNullable ? 'YES' : 'NO',
      }));
      const actual = rows.filter((row) => row.table_name === metadata.tableName).map(({ table_name: _table, ...rest }) => rest);
      expect(new Set(actual)).toEqual(new Set(expected));
    }
  });

  it('says ServiceUnavailable of a lost connection, of nothing else, and connects again by itself', async () => {
    const dataSource = await connect();
    const running = dataSource.query('SELECT pg_sleep(30)').then(
      () => undefined,
      (error: unknown) => error,
    );
    await until(async () => {
      const [row]: { n: number }[] = await dataSource.query(`SELECT count(*)::integer AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'`);
      return row?.n === 1;
    });
    await cutAllConnections();
    expect(unavailableError(await running)).toMatchObject({ code: 'ServiceUnavailable', transient: true });
    expect(await until(() => dataSource.query('SELECT 1 AS one').catch(() => undefined))).toEqual([{ one: 1 }]);
    const wrong: unknown = await dataSource.query('SELECT nonsense').catch((error: unknown) => error);
    expect(wrong).toBeInstanceOf(Error);
    expect(unavailableError(wrong)).toBeUndefined();
    const nobody = openDataSource({ url: 'postgresql://nobody:x@127.0.0.1:1/none', entities: [] }, 0);
    expect(unavailableError(await nobody.catch((error: unknown) => error))).toMatchObject({ code: 'ServiceUnavailable' });
  });

  it('hears notifications, also after its connection was lost', async () => {
    const dataSource = await connect();
    const heard: string[] = [];
    const listener = new NotificationListener(dataSource, 'some_channel', (payload) => heard.push(payload), 20);
    await listener.start();
    try {
      await dataSource.query(`SELECT pg_notify('some_channel', 'one')`);
      await until(() => heard.includes('one'));
      await cutAllConnections();
      await until(async () => {
        await dataSource.query(`SELECT pg_notify('some_channel', 'two')`).catch(() => undefined);
        return heard.includes('two');
      });
    } finally {
      await listener.stop();
    }
  });
});
