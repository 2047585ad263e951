import { Client } from 'pg';
import { ManualClock } from '../../src/kernel';
import { expectStatus, Json, ManagementServer, makeTable, refused, startManagement } from './management-server';

const HOURS = 3_600_000;

describe('client_request_token', () => {
  let server: ManagementServer;
  const clock = new ManualClock(Date.now());
  beforeAll(async () => {
    server = await startManagement({ apiOnly: true, clock });
  });
  afterAll(() => server.stop());

  it('answers with the same backup, in either dialect, as it is now', async () => {
    const [spec, deployed] = [server.client('spec'), server.client('deployed')];
    const table = await makeTable(server.backend, 0);
    const rest = { strategy: { compression: 'gzip', name: 'default' }, client_request_token: 'same' };
    const first = await expectStatus(spec.createBackup(table, 'a', rest), 202);
    const swapped = { client_request_token: 'same', strategy: { name: 'default', compression: 'gzip' } };
    expect(await expectStatus(spec.createBackup(table, 'a', swapped), 202)).toEqual(first);
    const other = await expectStatus(deployed.createBackup(table, 'a', swapped), 202);
    expect(other['backup_id']).toBe(String(first['id']).replaceAll('-', ''));
    // By id, and after the table was dropped.
    await server.backend.dropTable({ projectId: 'demo', name: table });
    expect(await expectStatus(spec.createBackup(String(first['table_id']), 'a', rest), 202)).toEqual(first);
  });

  it('takes an absent and an empty strategy for the same', async () => {
    const client = server.client();
    const table = await makeTable(server.backend, 0);
    const first = await expectStatus(client.createBackup(table, 'a', { client_request_token: 'empty' }), 202);
    expect(
      await expectStatus(client.createBackup(table, 'a', { client_request_token: 'empty', strategy: {} }), 202),
    ).toEqual(first);
  });

  it('refuses it for another body, another table, and a backup deleted since', async () => {
    const client = server.client();
    const [table, other] = [await makeTable(server.backend, 0), await makeTable(server.backend, 0)];
    const rest = { client_request_token: 'once' };
    const made = await expectStatus(client.createBackup(table, 'a', rest), 202);
    await refused(client.createBackup(table, 'b', rest), 409, 'ConflictError', /body/);
    await refused(client.createBackup(other, 'a', rest), 409, 'ConflictError', /table/);
    await expectStatus(client.deleteBackup(table, made['id']), 200);
    await refused(client.createBackup(table, 'a', rest), 409, 'ConflictError', /deleted/);
  });

  it('makes one backup of many requests at once', async () => {
    const client = server.client();
    const table = await makeTable(server.backend, 0);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => client.createBackup(table, 'a', { client_request_token: 'race' })),
    );
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 202));
    expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
    const list = await expectStatus(client.get(`${client.table(table)}/backups`), 200);
    expect(list['backups']).toHaveLength(1);
    expect(
      await count(`SELECT count(*) FROM magnetodb_backup.jobs WHERE subject_id = '${String(answers[0]?.body['id'])}'`),
    ).toBe(1);
  });

  it('is kept for 24 hours, a project', async () => {
    const client = server.client();
    const table = await makeTable(server.backend, 0);
    const rest = { client_request_token: 'day' };
    const first = await expectStatus(client.createBackup(table, 'a', rest), 202);
    await makeTable(server.backend, 0, table, 'other');
    const theirs = await expectStatus(
      server.client('spec', 'other-token', 'other').createBackup(table, 'a', rest),
      202,
    );
    expect(theirs['id']).not.toBe(first['id']);
    clock.advance(24 * HOURS - 1);
    expect(await expectStatus(client.createBackup(table, 'a', rest), 202)).toMatchObject({ id: first['id'] });
    clock.advance(1);
    const second = await expectStatus(client.createBackup(table, 'b', rest), 202);
    expect(second['id']).not.toBe(first['id']);
  });

  it('is not used up by a request that is refused', async () => {
    const client = server.client();
    const rest = { client_request_token: 'later' };
    await refused(client.createBackup('not_yet_there', 'a', rest), 404, 'TableNotExistsException');
    await makeTable(server.backend, 0, 'not_yet_there');
    await expectStatus(client.createBackup('not_yet_there', 'b', rest), 202);
  });

  it('leaves neither tokens nor bodies in the database', async () => {
    const client = server.client();
    const table = await makeTable(server.backend, 0);
    await expectStatus(client.createBackup(table, 'a', { client_request_token: 'my-secret-token' }), 202);
    expect(
      await count(`SELECT count(*) FROM magnetodb_backup.request_tokens AS t WHERE t::text LIKE '%my-secret-token%'`),
    ).toBe(0);
    expect(await count(`SELECT count(*) FROM magnetodb_backup.request_tokens`)).toBeGreaterThan(0);
  });

  it('counts backups and restores apart, and gives one restore for many requests', async () => {
    const worker = await startManagement();
    try {
      const client = worker.client();
      const table = await makeTable(worker.backend, 1);
      const made = await client.madeBackup(table, 'a', { client_request_token: 'both' });
      const body: Json = { id: made['id'], client_request_token: 'both' };
      await refused(client.createRestore('copy_of_it', { ...body, on_existing: 'nope' }), 400, 'ValidationError');
      await expectStatus(client.createRestore('copy_of_it', { ...body, dry_run: true }), 200);
      const answers = await Promise.all(Array.from({ length: 10 }, () => client.createRestore('copy_of_it', body)));
      expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 202));
      const [job] = answers.map((answer) => answer.body['id']);
      expect(new Set(answers.map((answer) => answer.body['id']))).toEqual(new Set([job]));
      const deployed = worker.client('deployed');
      const again = await expectStatus(
        deployed.createRestore('copy_of_it', { backup_id: made['id'], client_request_token: 'both' }),
        202,
      );
      expect(again['restore_job_id']).toBe(String(job).replaceAll('-', ''));
      const done = await client.finished(() => client.restore('copy_of_it', job), 'RESTORING');
      expect(await expectStatus(client.createRestore('copy_of_it', body), 202)).toEqual(done);
      await refused(
        client.createRestore('copy_of_it', { ...body, on_existing: 'merge' }),
        409,
        'ConflictError',
        /body/,
      );
      await refused(client.createRestore('another_copy', body), 409, 'ConflictError', /table/);
      await expectStatus(client.send('DELETE', `${client.table('copy_of_it')}/restores/${String(job)}`), 200);
      await refused(client.createRestore('copy_of_it', body), 409, 'ConflictError', /forgotten/);
    } finally {
      await worker.stop();
    }
  });

  async function count(sql: string): Promise<number> {
    const database = new Client({ connectionString: server.databaseUrl });
    await database.connect();
    try {
      const { rows } = await database.query<{ count: string }>(sql);
      return Number(rows[0]?.count);
    } finally {
      await database.end();
    }
  }
});
