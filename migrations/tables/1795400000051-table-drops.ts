import { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables that are DELETING for a while, until whoever drops them has what it needs of them. */
export class TableDrops1795400000051 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE magnetodb.table_info ADD COLUMN drop_owner text`);
    await runner.query(`COMMENT ON COLUMN magnetodb.table_info.drop_owner IS 'who is dropping the table, which is DELETING until then'`);
  }

  /** Tables whose drop has begun are ACTIVE again. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE magnetodb.table_info DROP COLUMN drop_owner`);
  }
}
