import { MigrationInterface, QueryRunner } from 'typeorm';

/** Which parts a build holds already: kept by the transaction that adds a part's rows, so that none is ever added twice. */
export class KeepBuildParts1795400000030 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE magnetodb.build_parts (
        content_id uuid NOT NULL REFERENCES magnetodb.table_contents (id) ON DELETE CASCADE,
        part text COLLATE "C" NOT NULL,
        PRIMARY KEY (content_id, part)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE magnetodb.build_parts`);
  }
}
