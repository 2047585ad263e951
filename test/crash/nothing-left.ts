import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { archiveObjectNames } from '../../src/archive';
import { filesBelow } from '../e2e/bad-days-gateway';
import { until } from '../setup/until';
import { archiveAt, Deployment } from './deployment';

/** What must hold whenever no job is under way, whatever has happened before. */
export async function expectNothingLeft(deployment: Deployment): Promise<void> {
  await expectJobsEnded(deployment);
  await expectOneStartAndOneEnd(deployment);
  await expectOnlyLiveContents(deployment);
  await expectOnlyFinishedBackups(deployment);
}

async function expectJobsEnded(deployment: Deployment): Promise<void> {
  expect(await deployment.query(`SELECT id, kind, stage, error FROM magnetodb_backup.jobs WHERE state NOT IN ('succeeded', 'failed')`)).toEqual([]);
  for (const ledger of ['job_steps', 'restore_proofs', 'backup_objects', 'table_drops']) {
    expect({ ledger, rows: await deployment.query(`SELECT * FROM magnetodb_backup.${ledger}`) }).toEqual({ ledger, rows: [] });
  }
  const resources = await deployment.query(
    `SELECT id, status FROM magnetodb_backup.backups WHERE status IN ('CREATING', 'DELETING')
     UNION ALL SELECT id, status FROM magnetodb_backup.restores WHERE status = 'RESTORING'`,
  );
  expect(resources).toEqual([]);
}

/** Every job, and its end in the events is its end in the ledger. Of a drop, it is announced with its own id; verifications announce nothing. */
async function expectOneStartAndOneEnd(deployment: Deployment): Promise<void> {
  const wrong = await deployment.query(
    `SELECT j.id, j.kind, j.state, array_agg(e.phase ORDER BY e.seq) AS phases
       FROM magnetodb_backup.jobs j LEFT JOIN magnetodb_backup.events e ON e.job_id = CASE j.kind WHEN 'table.drop' THEN j.subject_id ELSE j.id END
      WHERE j.kind <> 'backup.verify' GROUP BY j.id
     HAVING array_agg(e.phase ORDER BY e.seq) IS DISTINCT FROM ARRAY['start', CASE j.state WHEN 'succeeded' THEN 'end' ELSE 'error' END]`,
  );
  expect(wrong).toEqual([]);
  const unsent = `SELECT FROM magnetodb_backup.event_deliveries WHERE state <> 'delivered' LIMIT 1`;
  await until(async () => (await deployment.query(unsent)).length === 0);
}

async function expectOnlyLiveContents(deployment: Deployment): Promise<void> {
  await deployment.backend.sweep();
  const kept = await deployment.query<{ name: string }>(
    `SELECT 'c_' || replace(content_id::text, '-', '') AS name FROM magnetodb.table_info ORDER BY name`,
  );
  expect(await deployment.query(`SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'magnetodb_data' ORDER BY name`)).toEqual(kept);
  expect(await deployment.query(`SELECT id FROM magnetodb.table_contents WHERE state <> 'current'`)).toEqual([]);
  expect(await deployment.query(`SELECT * FROM magnetodb.table_merges`)).toEqual([]);
}

/** The objects of finished backups, and not one file more. */
async function expectOnlyFinishedBackups(deployment: Deployment): Promise<void> {
  const objects = join(deployment.folder, 'objects');
  const expected: string[] = [];
  const rows = await deployment.query<{ location_url: string }>(`SELECT location_url FROM magnetodb_backup.backups WHERE status = 'CREATED'`);
  for (const row of rows) {
    for await (const name of archiveObjectNames(archiveAt(row.location_url))) expected.push(join(relative(objects, fileURLToPath(row.location_url)), name));
  }
  expect((await filesBelow(objects)).sort()).toEqual(expected.sort());
}

