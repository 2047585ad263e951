import { MigrationInterface, QueryRunner } from 'typeorm';

/** Which tables are in MAINTENANCE is asked before each data call; of a thousand tables, none or one is. */
export class FindLockedTables1795400000021 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX table_info_locked ON magnetodb.table_info (lock_deadline) WHERE lock_deadline IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX magnetodb.table_info_locked`);
  }
}
