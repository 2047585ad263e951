import { PLUGIN_ENTITIES } from '../../src/entities';
import { openDataSource } from '../../src/database';
import { createTestDatabase } from '../setup/database';

describe('the job database', () => {
  /** Migrations also make what entities cannot say: checks, collations, partial indexes, comments, defaults. Tables and columns are theirs both. */
  const COLUMNS = /CREATE TABLE|DROP TABLE|ADD "|DROP COLUMN|(SET|DROP) NOT NULL|TYPE (?!text COLLATE)|PRIMARY KEY|RENAME/;

  it('has the tables and columns that the entities describe: TypeORM finds none to make, change or drop', async () => {
    const database = await createTestDatabase();
    const dataSource = await openDataSource({ url: database.url, entities: [...PLUGIN_ENTITIES], maxConnections: 2 });
    try {
      const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
      expect(upQueries.map(({ query }) => query).filter((query) => COLUMNS.test(query))).toEqual([]);
      // It does look: a column less, and it would make it.
      await dataSource.query('ALTER TABLE magnetodb_backup.backups DROP COLUMN item_count');
      const { upQueries: after } = await dataSource.driver.createSchemaBuilder().log();
      expect(after.map(({ query }) => query).filter((query) => COLUMNS.test(query))).toEqual([expect.stringMatching(/ADD "item_count"/)]);
    } finally {
      await dataSource.destroy();
      await database.drop();
    }
  });
});
