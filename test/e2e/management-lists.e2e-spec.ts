import {
  DIALECTS,
  expectStatus,
  invalid,
  Json,
  ManagementClient,
  ManagementServer,
  makeTable,
  startManagement,
} from './management-server';

const UNKNOWN_ID = 'ffffffff-ffff-7fff-bfff-ffffffffffff';

describe.each(DIALECTS)('lists in the %s dialect', (dialect) => {
  let server: ManagementServer;
  let client: ManagementClient;
  beforeAll(async () => {
    server = await startManagement({ apiOnly: true });
    client = server.client(dialect);
  });
  afterAll(() => server.stop());

  async function ask(path: string): Promise<Json> {
    return expectStatus(client.get(path), 200);
  }

  function idsOf(page: Json, key: string = client.keys.id): unknown[] {
    const list = page['backups'] ?? page['restore_jobs'];
    return Array.isArray(list) ? list.map((each: Json) => each[key]) : [];
  }

  it('pages backups in order of ids, each once', async () => {
    const table = await makeTable(server.backend, 0);
    const made: unknown[] = [];
    for (let index = 0; index < 7; index += 1)
      made.push((await expectStatus(client.createBackup(table, `b${index % 2}`), 202))[client.keys.id]);
    const path = `${client.table(table)}/backups`;
    const seen: unknown[] = [];
    const sizes: number[] = [];
    for (let next = ''; ;) {
      const page = await ask(`${path}?limit=3${next}`);
      seen.push(...idsOf(page));
      sizes.push(idsOf(page).length);
      const last = page['last_evaluated_backup_id'];
      if (last === undefined) break;
      expect(last).toBe(seen.at(-1));
      next = `&exclusive_start_backup_id=${String(last)}`;
    }
    expect(seen).toEqual(made);
    expect(seen).toEqual([...seen].sort());
    expect(sizes).toEqual([3, 3, 1]);
    expect(await ask(`${path}?limit=7`)).toHaveProperty('last_evaluated_backup_id', made.at(-1));
    expect(await ask(`${path}?limit=8`)).not.toHaveProperty('last_evaluated_backup_id');
    expect(await ask(`${path}?exclusive_start_backup_id=${UNKNOWN_ID}`)).toEqual({ backups: [] });
    expect(idsOf(await ask(`${path}?exclusive_start_backup_id=${'0'.repeat(32)}`))).toEqual(made);
    expect(idsOf(await ask(`${path}?name=b1`))).toEqual(made.filter((_id, index) => index % 2 === 1));
    expect(idsOf(await ask(`${path}?name=b`))).toEqual([]);
    expect(idsOf(await ask(`${path}?status=CREATING&limit=1`))).toEqual(made.slice(0, 1));
    expect(idsOf(await ask(`${path}?status=CREATED`))).toEqual([]);
  });

  it('pages restores likewise', async () => {
    const worker = await startManagement();
    try {
      const busy = worker.client(dialect);
      const table = await makeTable(worker.backend, 1);
      const from = (await busy.madeBackup(table))[busy.keys.id];
      const made: unknown[] = [];
      for (let index = 0; index < 3; index += 1) {
        const job = await expectStatus(
          busy.createRestore('restored_again', { [busy.keys.from]: from, on_existing: 'replace' }),
          202,
        );
        await busy.finished(() => busy.restore('restored_again', job[busy.keys.restoreId]), 'RESTORING');
        made.push(job[busy.keys.restoreId]);
      }
      const path = `${busy.table('restored_again')}/restores`;
      const first = await expectStatus(busy.get(`${path}?limit=2`), 200);
      expect(idsOf(first, busy.keys.restoreId)).toEqual(made.slice(0, 2));
      const rest = await expectStatus(
        busy.get(`${path}?limit=2&exclusive_start_restore_job_id=${String(first['last_evaluated_restore_job_id'])}`),
        200,
      );
      expect(idsOf(rest, busy.keys.restoreId)).toEqual(made.slice(2));
      expect(rest).not.toHaveProperty('last_evaluated_restore_job_id');
      expect(idsOf(await expectStatus(busy.get(`${path}?status=RESTORED`), 200), busy.keys.restoreId)).toEqual(made);
      const other = worker.client(dialect, 'other-token', 'other');
      expect(await expectStatus(other.get(`${other.projectPath}/restores`), 200)).toEqual({ restore_jobs: [] });
      await expectStatus(other.get(`${other.table('restored_again')}/restores/${String(made[0])}`), 404);
      await expectStatus(busy.get(`${busy.table('another_table')}/restores/${String(made[0])}`), 404);
      expect(idsOf(await expectStatus(busy.get(`${path}?status=RESTORE_FAILED`), 200), busy.keys.restoreId)).toEqual(
        [],
      );
      expect(idsOf(await expectStatus(busy.get(`${busy.projectPath}/restores`), 200), busy.keys.restoreId)).toEqual(
        made,
      );
      const { id } = await worker.backend.describeTable({ projectId: 'demo', name: 'restored_again' });
      expect(idsOf(await expectStatus(busy.get(`${busy.table(id)}/restores`), 200), busy.keys.restoreId)).toEqual(made);
    } finally {
      await worker.stop();
    }
  });

  it('refuses limits and starts out of range, in every list', async () => {
    for (const collection of ['backups', 'restores']) {
      const start = collection === 'backups' ? 'exclusive_start_backup_id' : 'exclusive_start_restore_job_id';
      for (const path of [`${client.table('any_table')}/${collection}`, `${client.projectPath}/${collection}`]) {
        for (const query of [
          'limit=0',
          'limit=1001',
          'limit=-1',
          'limit=01',
          'limit=1e2',
          'limit=',
          'limit=1&limit=2',
          `${start}=x`,
          'status=created',
          'foo=1',
          'page=2',
        ]) {
          await invalid(client.get(`${path}?${query}`), new RegExp(`"${/^[^=]+/.exec(query)?.[0] ?? ''}"`));
        }
        expect(Object.values(await ask(`${path}?limit=1000`)).every(Array.isArray)).toBe(true);
      }
    }
    await invalid(client.get(`${client.projectPath}/restores?name=x`), /"name"/);
  });

  it('lists by name all tables that had it, by id only that one, and outlives both', async () => {
    const name = await makeTable(server.backend, 0);
    const first = await expectStatus(client.createBackup(name, 'of the first'), 202);
    await server.backend.dropTable({ projectId: 'demo', name });
    await makeTable(server.backend, 0, name);
    const second = await expectStatus(client.createBackup(name, 'of the second'), 202);
    await server.backend.dropTable({ projectId: 'demo', name });
    const [one, two] = [first[client.keys.id], second[client.keys.id]];
    expect(first['table_id']).not.toBe(second['table_id']);
    expect(idsOf(await ask(`${client.table(name)}/backups`))).toEqual([one, two]);
    expect(idsOf(await ask(`${client.table(String(first['table_id']))}/backups`))).toEqual([one]);
    expect(idsOf(await ask(`${client.table(String(second['table_id']))}/backups`))).toEqual([two]);
    expect(await ask(`${client.table('never_was')}/backups`)).toEqual({ backups: [] });
    expect(await ask(`${client.table('never_was')}/restores`)).toEqual({ restore_jobs: [] });
    expect(idsOf(await ask(`${client.projectPath}/backups?name=of%20the%20second`))).toEqual([two]);
  });

  it('tries a name first where a table is named like another’s id', async () => {
    const plain = await makeTable(server.backend, 0);
    const ofPlain = await expectStatus(client.createBackup(plain), 202);
    const { id } = await server.backend.describeTable({ projectId: 'demo', name: plain });
    expect(idsOf(await ask(`${client.table(id)}/backups`))).toEqual([ofPlain[client.keys.id]]);
    await makeTable(server.backend, 0, id);
    expect(idsOf(await ask(`${client.table(id)}/backups`))).toEqual([]);
    const ofNamesake = await expectStatus(client.createBackup(id), 202);
    expect(ofNamesake['table_name']).toBe(id);
    expect(idsOf(await ask(`${client.table(id)}/backups`))).toEqual([ofNamesake[client.keys.id]]);
  });

  it('shows a project its own only', async () => {
    await makeTable(server.backend, 0, 'shared_name', 'other');
    const other = server.client(dialect, 'other-token', 'other');
    const theirs = await expectStatus(other.createBackup('shared_name'), 202);
    expect(idsOf(await expectStatus(other.get(`${other.projectPath}/backups`), 200))).toEqual([theirs[client.keys.id]]);
    expect(idsOf(await ask(`${client.projectPath}/backups?limit=1000`))).not.toContain(theirs[client.keys.id]);
    expect(await ask(`${client.table('shared_name')}/backups`)).toEqual({ backups: [] });
    await expectStatus(client.get(`${client.table('shared_name')}/backups/${String(theirs[client.keys.id])}`), 404);
  });
});
