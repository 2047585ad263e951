import { DIALECTS, expectStatus, invalid, Json, makeTable, ManagementServer, refused, startManagement } from './management-server';
import { Gate } from './management-gate';

describe('backups that are protected against deletion', () => {
  const gate = new Gate();
  let server: ManagementServer;
  beforeAll(async () => {
    server = await startManagement({ wrapBackend: gate.before('splitRanges') });
  });
  afterEach(() => gate.open());
  afterAll(() => server.stop());

  const linkOf = (body: Json): string => (body['links'] as { rel: string; href: string }[]).find(({ rel }) => rel === 'location')?.href ?? '';

  it.each(DIALECTS)('stay until the protection is taken away (%s)', async (dialect) => {
    const client = server.client(dialect);
    const table = await makeTable(server.backend);
    const made = await client.madeBackup(table, 'precious', { delete_protection: true });
    expect(made).toMatchObject({ status: 'CREATED', delete_protection: true });
    const id = made[client.keys.id];
    const patch = (body: unknown): ReturnType<typeof client.send> => client.send('PATCH', `${client.table(table)}/backups/${String(id)}`, body);
    for (const query of ['', '?cascade=true', '?purge=true'])
      await refused(client.deleteBackup(table, id, query), 409, 'ConflictError', /protected/);
    expect(await expectStatus(client.backup(table, id), 200)).toEqual(made);
    expect(await expectStatus(patch({ delete_protection: true }), 200)).toEqual(made);
    expect(await expectStatus(patch({ delete_protection: false }), 200)).toEqual({ ...made, delete_protection: false });
    await expectStatus(client.deleteBackup(table, id), 200);
    await client.gone(() => client.backup(table, id));
  });

  it('are not cancelled by a DELETE while they are being made, and can be protected meanwhile', async () => {
    const client = server.client();
    const table = await makeTable(server.backend);
    gate.shut();
    const { id } = await expectStatus(client.createBackup(table), 202);
    const path = `${client.table(table)}/backups/${String(id)}`;
    expect(await expectStatus(client.send('PATCH', path, { delete_protection: true, rate_limit: { items_per_second: 1_000_000 } }), 200)).toMatchObject({
      status: 'CREATING',
      delete_protection: true,
    });
    await refused(client.deleteBackup(table, id), 409, 'ConflictError', /protected/);
    gate.open();
    expect(await client.finished(() => client.backup(table, id), 'CREATING')).toMatchObject({ status: 'CREATED', delete_protection: true });
    // Of a finished one the protection alone can be changed; beside what cannot be, not even that.
    await refused(client.send('PATCH', path, { delete_protection: false, paused: true }), 409, 'ConflictError');
    expect(await expectStatus(client.backup(table, id), 200)).toMatchObject({ delete_protection: true });
  });

  it('cannot be protected once they are being deleted', async () => {
    const client = server.client();
    const table = await makeTable(server.backend);
    gate.shut();
    const { id } = await expectStatus(client.createBackup(table), 202);
    await expectStatus(client.deleteBackup(table, id), 200);
    await refused(client.send('PATCH', `${client.table(table)}/backups/${String(id)}`, { delete_protection: true }), 409, 'ConflictError', /being deleted/);
    gate.open();
    await client.gone(() => client.backup(table, id));
  });

  it('are protected in each catalogue for itself, imported ones too', async () => {
    const client = server.client();
    const table = await makeTable(server.backend);
    const made = await client.madeBackup(table, 'shared', { strategy: { location: { type: 'external', url: server.outsideUrl } }, delete_protection: true });
    const other = server.client('deployed', 'other-token', 'other');
    const imported = await expectStatus(other.import({ source: linkOf(made) }), 200);
    expect(imported['delete_protection']).toBe(false);
    const path = `${other.table(table)}/backups/${String(imported['backup_id'])}`;
    await expectStatus(other.send('PATCH', path, { delete_protection: true }), 200);
    await refused(other.send('DELETE', `${path}?purge=true`), 409, 'ConflictError', /protected/);
    await expectStatus(other.send('PATCH', path, { delete_protection: false }), 200);
    await expectStatus(other.send('DELETE', path), 200);
    await other.gone(() => other.get(path));
    expect(await expectStatus(client.backup(table, made['id']), 200)).toEqual(made);
  });

  it('want true or false, and a repeated request says the same', async () => {
    const client = server.client();
    const table = await makeTable(server.backend);
    for (const value of ['true', 1, null]) await invalid(client.createBackup(table, 'x', { delete_protection: value }), /delete_protection/);
    const body = { delete_protection: true, client_request_token: 'protected' };
    const { id } = await expectStatus(client.createBackup(table, 'x', body), 202);
    expect((await expectStatus(client.createBackup(table, 'x', body), 202))['id']).toBe(id);
    await refused(client.createBackup(table, 'x', { ...body, delete_protection: false }), 409, 'ConflictError', /another body/);
    const path = `${client.table(table)}/backups/${String(id)}`;
    await invalid(client.send('PATCH', path, { delete_protection: 'no' }), /delete_protection/);
    await invalid(client.send('PATCH', path, {}), /delete_protection/);
    await refused(server.client('spec', 'reader-token').send('PATCH', path, { delete_protection: false }), 403, 'Forbidden');
  });
});
