import {
  DIALECTS,
  expectStatus,
  invalid,
  ManagementServer,
  makeTable,
  refused,
  startManagement,
} from './management-server';

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const HEX = /^[0-9a-f]{32}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UNKNOWN_ID = '01890a5d-ac96-774b-bcce-b302099a8057';

describe.each(['fastify', 'express'] as const)('backups over HTTP on %s', (platform) => {
  let server: ManagementServer;
  beforeAll(async () => {
    server = await startManagement({ platform });
  });
  afterAll(() => server.stop());

  describe.each(DIALECTS)('in the %s dialect', (dialect) => {
    const idPattern = dialect === 'spec' ? UUID : HEX;
    const timeKeys =
      dialect === 'spec'
        ? { start: 'start_datetime', finish: 'finish_datetime' }
        : { start: 'start_date_time', finish: 'finish_date_time' };

    it('takes the media type that MagnetoDB’s clients name in a DELETE without a body', async () => {
      const client = server.client(dialect);
      const named = { 'Content-Type': 'application/json' };
      const table = await makeTable(server.backend, 0);
      const backup = await client.madeBackup(table);
      const path = `${client.table(table)}/backups/${String(backup[client.keys.id])}`;
      await expectStatus(client.send('DELETE', path, undefined, named), 200);
      await client.gone(() => client.get(path));
      await refused(client.send('DELETE', `${client.table(table)}/restores/${UNKNOWN_ID}`, undefined, named), 404, 'RestoreJobNotExists');
    });

    it('makes a backup, shows it, and deletes it with all its objects', async () => {
      const client = server.client(dialect);
      const table = await makeTable(server.backend, 5);
      const before = await server.files();
      const asked = await expectStatus(client.createBackup(table, 'näme 😀'), 202);
      const id = asked[client.keys.id];
      const self = `${server.url}${client.table(table)}/backups/${String(id)}`;
      expect(asked).toEqual({
        [client.keys.id]: expect.stringMatching(idPattern),
        [client.keys.name]: 'näme 😀',
        table_name: table,
        table_id: expect.stringMatching(idPattern),
        status: 'CREATING',
        [timeKeys.start]: expect.stringMatching(TIME),
        strategy: { type: 'full', format: 'db-agnostic', location: { type: 'internal' }, compression: 'zstd' },
        delete_protection: false,
        links: [
          { rel: 'self', href: self },
          { rel: 'location', href: expect.stringMatching(/^file:\/\/\/.*\/objects\/demo\/[0-9a-f-]{36}$/) },
        ],
        ...(dialect === 'deployed' ? { location: expect.stringMatching(/^file:\/\//) } : {}),
      });

      const made = await client.finished(() => client.backup(table, id), 'CREATING');
      expect(made).toEqual({
        ...asked,
        status: 'CREATED',
        [timeKeys.finish]: expect.stringMatching(TIME),
        item_count: 5,
        size_bytes: expect.any(Number),
        table_size_bytes: expect.any(Number),
        format_version: 1,
        restorable: true,
      });
      expect(await expectStatus(client.send('GET', self.slice(server.url.length)), 200)).toEqual(made);
      expect(await expectStatus(client.get(`${client.table(table)}/backups`), 200)).toEqual({ backups: [made] });

      const deleting = await expectStatus(client.deleteBackup(table, id), 200);
      expect(deleting).toMatchObject({ [client.keys.id]: id, status: 'DELETING' });
      const again = await client.deleteBackup(table, id);
      if (again.status === 200) expect(again.body).toEqual(deleting);
      else await refused(Promise.resolve(again), 404, 'BackupNotExists');
      await client.gone(() => client.backup(table, id));
      expect(await server.files()).toEqual(before);
    });

    it('keeps strategies as they were resolved', async () => {
      const client = server.client(dialect);
      const table = await makeTable(server.backend, 1);
      const strategy = { name: 'default', compression: 'gzip', location: { type: 'external', url: server.outsideUrl } };
      const made = await client.madeBackup(table, 'b', { strategy });
      expect(made['strategy']).toEqual({ type: 'full', format: 'db-agnostic', ...strategy });
      expect(JSON.stringify(made['links'])).toContain(`${server.outsideUrl}/`);
    });

    it('takes ids and tables in every spelling', async () => {
      const client = server.client(dialect);
      const table = await makeTable(server.backend, 0);
      const made = await client.madeBackup(table);
      const id = String(made[client.keys.id]).replaceAll('-', '');
      const dashed = id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      for (const spelling of [id, dashed, dashed.toUpperCase()]) {
        for (const where of [
          table,
          String(made['table_id']),
          String(made['table_id']).replaceAll('-', '').toUpperCase(),
        ]) {
          expect(await expectStatus(client.backup(where, spelling), 200)).toEqual(made);
        }
      }
      const byId = await expectStatus(client.createBackup(String(made['table_id']), 'by id'), 202);
      expect(byId).toMatchObject({ table_name: table, table_id: made['table_id'] });
    });

    it('refuses what it does not understand', async () => {
      const client = server.client(dialect);
      const table = await makeTable(server.backend, 0);
      const path = `${client.table(table)}/backups`;
      const { name } = client.keys;
      await invalid(client.send('POST', path, '{"'));
      await invalid(client.send('POST', path, '[]'), /JSON object/);
      await invalid(client.send('POST', path, { [name]: 'a', id: UNKNOWN_ID, foo: 1 }), /"id", "foo"/);
      await invalid(client.createBackup(table, 7), new RegExp(`"${name}"`));
      await invalid(client.createBackup(table, 'a', { strategy: { foo: 1 } }), /foo/);
      await invalid(client.createBackup(table, 'a', { strategy: { name: 'nope' } }), /nope/);
      await invalid(client.createBackup(table, 'a', { strategy: null }), /strategy/);
      await invalid(client.createBackup(table, 'a', { strategy: { type: 'incremental' } }), /incremental/);
      await invalid(client.createBackup(table, 'a', { strategy: { format: 'binary' } }), /native/);
      await invalid(client.createBackup('a', 'x'), /3 to 255/);
      await invalid(client.createBackup(`${'a'.repeat(300)}`, 'x'));
      await invalid(client.send('POST', `${path}?x=1`, { [name]: 'a' }), /"x"/);
      await invalid(client.backup(table, 'not-an-id'), /backup_id/);
      await invalid(client.get(`${path}/${UNKNOWN_ID}?x=1`), /"x"/);
      await invalid(client.get(`${path}?limit=0`), /limit/);
      await invalid(client.get(`${path}?status=NOPE`), /status/);
      await invalid(client.deleteBackup(table, UNKNOWN_ID, '?purge=yes'), /purge/);
      await invalid(client.deleteBackup(table, 'zzz'), /backup_id/);
      await invalid(client.send('PATCH', `${path}/${UNKNOWN_ID}`, {}), /rate_limit/);
      // A body is judged before the backup is looked for.
      await invalid(client.send('PATCH', `${path}/${UNKNOWN_ID}`, { paused: 1 }), /paused/);
    });

    it('refuses a body over the limit', async () => {
      const client = server.client(dialect);
      const table = await makeTable(server.backend, 0);
      await refused(client.createBackup(table, 'x'.repeat(200_000)), 413, 'RequestTooLarge');
    });

    it('takes a backup of a table in MAINTENANCE, and makes it once the table is free', async () => {
      const client = server.client(dialect);
      const table = await makeTable(server.backend, 2);
      const ref = { projectId: 'demo', name: table };
      await server.backend.lock(ref, { owner: 'test', seconds: 60 });
      const asked = await expectStatus(client.createBackup(table), 202);
      await server.backend.unlock(ref, 'test');
      const made = await client.finished(() => client.backup(table, asked[client.keys.id]), 'CREATING');
      expect(made).toMatchObject({ status: 'CREATED', item_count: 2 });
    });

    it('knows what is not there', async () => {
      const client = server.client(dialect);
      const table = await makeTable(server.backend, 0);
      const made = await client.madeBackup(table);
      const other = await makeTable(server.backend, 0);
      await refused(client.createBackup('no_such_table'), 404, 'TableNotExistsException');
      await refused(client.createBackup(UNKNOWN_ID), 404, 'TableNotExistsException');
      await refused(client.backup(table, UNKNOWN_ID), 404, 'BackupNotExists');
      await refused(client.backup(other, made[client.keys.id]), 404, 'BackupNotExists');
      await refused(client.deleteBackup(other, made[client.keys.id]), 404, 'BackupNotExists');
      await refused(
        client.send('PATCH', `${client.table(table)}/backups/${UNKNOWN_ID}`, { paused: true }),
        404,
        'BackupNotExists',
      );
      await refused(
        client.send('PATCH', `${client.table(table)}/backups/${String(made[client.keys.id])}`, { paused: true }),
        409,
        'ConflictError',
      );
      await refused(client.send('PUT', `${client.table(table)}/backups`, {}), 405, 'MethodNotAllowed');
      await refused(client.get(`${client.table(table)}/nothing`), 404, 'NotFound');
    });

    it('lets in only who may', async () => {
      const table = await makeTable(server.backend, 0);
      const made = await server.client(dialect).madeBackup(table);
      const id = made[server.client(dialect).keys.id];
      await refused(server.client(dialect, 'wrong-token').backup(table, id), 401, 'Unauthorized');
      await refused(server.client(dialect, 'other-token').backup(table, id), 403, 'Forbidden');
      await refused(server.client(dialect, 'none-token').backup(table, id), 403, 'Forbidden');
      const reader = server.client(dialect, 'reader-token');
      await expectStatus(reader.backup(table, id), 200);
      await refused(reader.createBackup(table), 403, 'Forbidden');
      await refused(reader.deleteBackup(table, id), 403, 'Forbidden');
      await refused(
        reader.send('PATCH', `${reader.table(table)}/backups/${String(id)}`, { paused: true }),
        403,
        'Forbidden',
      );
      await refused(reader.import({ source: server.outsideUrl }), 403, 'Forbidden');
      // The same names in another project lead nowhere.
      await refused(server.client(dialect, 'other-token', 'other').backup(table, id), 404, 'BackupNotExists');
      await expectStatus(server.client(dialect, 'admin-token').backup(table, id), 200);
    });

    it('keeps backups out of places that are not allowed, before anything is made', async () => {
      const client = server.client(dialect);
      const table = await makeTable(server.backend, 0);
      const at = (url: string): ReturnType<typeof client.createBackup> =>
        client.createBackup(table, 'a', { strategy: { location: { type: 'external', url } } });
      await refused(at('https://evil.example.org/x'), 403, 'Forbidden', /evil\.example\.org/);
      await refused(at('file:///etc'), 403, 'Forbidden');
      await refused(at(`${server.objectsUrl}/other`), 403, 'Forbidden');
      await invalid(at('https://user:secret@evil.example.org/x'));
      await invalid(at('s3://bucket/x?X-Amz-Signature=abc'));
      expect(await expectStatus(client.get(`${client.table(table)}/backups`), 200)).toEqual({ backups: [] });
    });
  });

  it('shows a backup of one dialect in the other', async () => {
    const [spec, deployed] = [server.client('spec'), server.client('deployed')];
    const table = await makeTable(server.backend, 1);
    const made = await spec.madeBackup(table);
    const shown = await expectStatus(deployed.backup(table, made['id']), 200);
    expect(shown).toMatchObject({
      backup_id: String(made['id']).replaceAll('-', ''),
      backup_name: 'nightly',
      start_date_time: made['start_datetime'],
      item_count: 1,
    });
    expect(shown).not.toHaveProperty('id');
  });
});
