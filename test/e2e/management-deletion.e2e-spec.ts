import { DataSource } from 'typeorm';
import { getDataSourceToken } from '@nestjs/typeorm';
import { BACKUP_DATA_SOURCE } from '../../src/database';
import { DIALECTS, expectStatus, makeTable, ManagementServer, refused, startManagement } from './management-server';

let server: ManagementServer;

beforeAll(async () => {
  server = await startManagement();
});
afterAll(() => server.stop());

/** A restore that stands still until it is told to go on. */
async function pausedRestore(backupId: unknown): Promise<{ table: string; id: string }> {
  const client = server.client('spec');
  const table = `restored_${String(backupId).slice(-6)}_${Math.random().toString(36).slice(2)}`;
  const dataSource = server.app.get<DataSource>(getDataSourceToken(BACKUP_DATA_SOURCE));
  // Nothing is begun while this is held, so the job is paused before its first step.
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  await runner.query(`SELECT pg_advisory_xact_lock(hashtext('magnetodb_backup.admit'))`);
  const { id } = await expectStatus(client.createRestore(table, { id: backupId }), 202);
  await expectStatus(client.send('PATCH', `${client.table(table)}/restores/${String(id)}`, { paused: true }), 200);
  await runner.commitTransaction();
  await runner.release();
  return { table, id: String(id) };
}

describe.each(DIALECTS)('the deletion of a backup that is being restored (%s)', (dialect) => {
  it('is refused, naming the restores, until they have ended', async () => {
    const spec = server.client('spec');
    const client = server.client(dialect);
    const source = await makeTable(server.backend, 4);
    const { id } = await spec.madeBackup(source);
    const first = await pausedRestore(id);
    const second = await pausedRestore(id);
    const { body } = await refused(client.deleteBackup(source, id), 409, 'ConflictError', /is being restored/);
    const { message } = body['error'] as { message: string };
    expect(message).toContain(`${first.id}, ${second.id}`);
    expect(await expectStatus(spec.backup(source, id), 200)).toMatchObject({ status: 'CREATED' });

    await expectStatus(spec.send('DELETE', `${spec.table(first.table)}/restores/${first.id}`), 200);
    await expectStatus(spec.send('PATCH', `${spec.table(second.table)}/restores/${second.id}`, { paused: false }), 200);
    expect(await spec.finished(() => spec.restore(second.table, second.id), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    await spec.finished(() => spec.restore(first.table, first.id), 'RESTORING');
    await expectStatus(client.deleteBackup(source, id), 200);
    await spec.gone(() => spec.backup(source, id));
  });
});

it('a restore and a deletion of one backup at the same moment: one of them is refused, and neither is lost', async () => {
  const client = server.client('spec');
  const source = await makeTable(server.backend, 4);
  for (let round = 0; round < 8; round++) {
    const { id } = await client.madeBackup(source);
    const table = `race_${round}_${source}`;
    const [restore, deletion] = await Promise.all([client.createRestore(table, { id }), client.deleteBackup(source, id)]);
    if (restore.status === 202) {
      // The deletion may also have come when the restore was over.
      expect([200, 409]).toContain(deletion.status);
      expect(await client.finished(() => client.restore(table, restore.body['id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    } else {
      expect([404, 409]).toContain(restore.status);
      expect(deletion.status).toBe(200);
    }
  }
});
