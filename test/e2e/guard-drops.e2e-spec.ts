import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { loadSettings } from '../../src/gateway/setting';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';
import { WatchClient } from './watch-client';
import { Answer, DIALECTS, expectStatus, invalid, Json, ManagementClient, refused } from './management-server';

describe('a backup before the drop', () => {
  let database: TestDatabase;
  let folder: string;
  let gateway: RunningGateway;
  let sql: Client;
  let client: ManagementClient;
  let tables = 0;
  const environment = (): Record<string, string> => ({
    PORT: '0',
    DATABASE_URL: database.url,
    DATA_DIR: folder,
    DEV_TOKENS: 'demo-token=demo:member;reader-token=demo:reader;other-token=other:member;flood-token=flood:member',
    LOG_LEVEL: 'silent',
    SWEEP_SECONDS: '1',
    QUOTAS_FILE: join(folder, 'quotas.json'),
  });

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'drops-'));
    const quotas = { other: { max_backups: 50 }, flood: { data_requests_per_second: 1, data_request_burst: 3 } };
    await writeFile(join(folder, 'quotas.json'), JSON.stringify(quotas));
    gateway = await startGateway(loadSettings(GatewaySettings, environment()));
    sql = new Client({ connectionString: database.url });
    await sql.connect();
    client = clientOf('spec');
  });
  afterAll(async () => {
    await sql.end();
    await gateway.stop();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const clientOf = (dialect: 'spec' | 'deployed', token = 'demo-token', project = 'demo'): ManagementClient =>
    new ManagementClient(gateway.url, dialect, token, project);
  const data = (method: string, path: string, body?: unknown): Promise<Answer> => client.send(method, `/v1/data/demo/tables${path}`, body);
  const drop = (table: string): Promise<Answer> => data('DELETE', `/${table}`);
  const describeTable = (table: string): Promise<Answer> => data('GET', `/${table}`);
  const setTable = (table: string, value: unknown): Promise<Answer> =>
    client.send('PATCH', `${client.table(table)}/settings`, { backup_before_drop: value });

  async function makeTable(items = 3): Promise<string> {
    const table = `guarded_${(tables += 1)}`;
    await expectStatus(
      data('POST', '', {
        table_name: table,
        attribute_definitions: [{ attribute_name: 'key', attribute_type: 'S' }],
        key_schema: [{ attribute_name: 'key', key_type: 'HASH' }],
      }),
      200,
    );
    for (let index = 0; index < items; index += 1) await expectStatus(data('POST', `/${table}/put_item`, { item: { key: { S: `k${index}` } } }), 200);
    return table;
  }

  async function backupsOf(table: string): Promise<Json[]> {
    return (await expectStatus(client.get(`${client.table(table)}/backups`), 200))['backups'] as Json[];
  }

  /** The job that is to make the backup is changed as it is inserted. */
  async function changingTheJob<T>(change: string, work: () => Promise<T>): Promise<T> {
    await sql.query(`CREATE FUNCTION magnetodb_backup.change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.kind = 'backup.before_drop' THEN ${change} END IF; RETURN NEW; END $$`);
    await sql.query(`CREATE TRIGGER change BEFORE INSERT ON magnetodb_backup.jobs FOR EACH ROW EXECUTE FUNCTION magnetodb_backup.change()`);
    try {
      return await work();
    } finally {
      await sql.query('DROP TRIGGER change ON magnetodb_backup.jobs; DROP FUNCTION magnetodb_backup.change()');
    }
  }

  async function events(table: string): Promise<string[]> {
    const found = await sql.query<{ type: string }>(
      `SELECT operation || '.' || phase AS type FROM magnetodb_backup.events WHERE payload ->> 'table_name' = $1 ORDER BY seq`,
      [table],
    );
    return found.rows.map(({ type }) => type);
  }

  const statusOf = async (table: string): Promise<unknown> => ((await expectStatus(describeTable(table), 200))['table'] as Json)['table_status'];

  it('is made as the settings say: DELETING meanwhile, gone afterwards, and everything is in it', async () => {
    const table = await makeTable(5);
    const { table: before } = (await describeTable(table)).body;
    await expectStatus(setTable(table, true), 200);
    const dropped = await expectStatus(drop(table), 200);
    expect(dropped['table_description']).toEqual({ ...(before as Json), table_status: 'DELETING' });
    await until(async () => (await describeTable(table)).status === 404);
    const [backup] = await backupsOf(table);
    expect(backup).toMatchObject({ status: 'CREATED', restorable: true, item_count: 5, strategy: { type: 'full', format: 'db-agnostic' } });
    expect(backup?.['name']).toMatch(new RegExp(`^before drop at \\d{4}-.*Z of ${table}$`));
    const job = await expectStatus(client.createRestore(table, { id: backup?.['id'] }), 202);
    await client.finished(() => client.restore(table, job['id']), 'RESTORING');
    expect((await data('POST', `/${table}/get_item`, { key: { key: { S: 'k4' } } })).body).toEqual({ item: { key: { S: 'k4' } } });
    expect((await events(table)).filter((type) => type.startsWith('table.'))).toEqual(['table.drop.start', 'table.drop.end']);
    // The settings went with the table; one of its name has none.
    expect(await expectStatus(client.get(`${client.table(table)}/settings`), 200)).toMatchObject({ backup_before_drop: false, inherited: true });
  });

  it('is all that watchers are told of a drop', async () => {
    const [table, another] = [await makeTable(), await makeTable()];
    await expectStatus(setTable(table, true), 200);
    const watch = await WatchClient.open(`${gateway.url}${client.projectPath}/jobs/watch`);
    try {
      await watch.until(({ event }) => event === 'snapshot');
      await expectStatus(drop(table), 200);
      await until(async () => (await events(table)).includes('table.drop.end'));
      // What is told of a backup that is made after the drop is told after all that there is to tell of the drop.
      await client.madeBackup(another);
      const about = (line: Json): unknown => (line['backup'] as Json | undefined)?.['table_name'];
      await watch.until((line) => about(line) === another && (line['backup'] as Json)['status'] === 'CREATED');
      const told = watch.told.filter(({ event }) => event !== 'heartbeat' && event !== 'snapshot');
      expect(new Set(told.map(({ event }) => event))).toEqual(new Set(['backup']));
      expect(new Set(told.map(about))).toEqual(new Set([table, another]));
    } finally {
      watch.close();
    }
  });

  it('lets nobody read or write meanwhile, asked again answers the same, and leaves the name taken', async () => {
    const table = await makeTable();
    await expectStatus(setTable(table, true), 200);
    const first = await changingTheJob('NEW.paused = true;', () => expectStatus(drop(table), 200));
    expect(await statusOf(table)).toBe('DELETING');
    for (const [call, body] of [
      ['put_item', { item: { key: { S: 'late' } } }],
      ['get_item', { key: { key: { S: 'k0' } } }],
      ['scan', {}],
    ] as const)
      expect((await data('POST', `/${table}/${call}`, body)).body).toMatchObject({ code: 400, error: { message: expect.stringMatching(/DELETING|being deleted/) } });
    expect((await expectStatus(drop(table), 200))['table_description']).toEqual(first['table_description']);
    expect(await backupsOf(table)).toHaveLength(1);
    await refused(client.createBackup(table), 409, 'ConflictError', /DELETING/);
    expect((await data('POST', '', { table_name: table, attribute_definitions: [{ attribute_name: 'key', attribute_type: 'S' }], key_schema: [{ attribute_name: 'key', key_type: 'HASH' }] })).body).toMatchObject({ error: { type: 'TableAlreadyExistsException' } });
    const [backup] = await backupsOf(table);
    await expectStatus(client.send('PATCH', `${client.table(table)}/backups/${String(backup?.['id'])}`, { paused: false }), 200);
    await until(async () => (await describeTable(table)).status === 404);
  });

  it('that fails leaves the table as it was, ACTIVE again, and says why', async () => {
    const table = await makeTable(2);
    await expectStatus(setTable(table, true), 200);
    // Every chunk is refused by the ledger.
    await sql.query(`ALTER TABLE magnetodb_backup.backup_objects ADD CONSTRAINT full_up CHECK (entry IS NULL) NOT VALID`);
    try {
      await expectStatus(drop(table), 200);
      await until(async () => (await backupsOf(table))[0]?.['status'] === 'CREATE_FAILED');
      await until(async () => (await statusOf(table)) === 'ACTIVE');
    } finally {
      await sql.query(`ALTER TABLE magnetodb_backup.backup_objects DROP CONSTRAINT full_up`);
    }
    expect((await data('POST', `/${table}/scan`, {})).body).toMatchObject({ count: 2 });
    await until(async () => (await events(table)).includes('table.drop.error'));
    const { rows } = await sql.query<{ payload: Json }>(`SELECT payload FROM magnetodb_backup.events WHERE operation = 'table.drop' AND phase = 'error' AND payload ->> 'table_name' = $1`, [table]);
    expect(rows[0]?.payload).toMatchObject({ status: 'ACTIVE', error: { message: expect.stringMatching(/^The table is kept, since it could not be backed up: /) } });
    expect((await sql.query('SELECT FROM magnetodb_backup.table_drops')).rowCount).toBe(0);
    // And then it can be dropped after all.
    await expectStatus(drop(table), 200);
    await until(async () => (await describeTable(table)).status === 404);
  });

  it('that is deleted while it is being made calls the drop off', async () => {
    const table = await makeTable(2);
    await expectStatus(setTable(table, true), 200);
    await changingTheJob('NEW.paused = true;', () => expectStatus(drop(table), 200));
    const [backup] = await backupsOf(table);
    await expectStatus(client.deleteBackup(table, backup?.['id']), 200);
    await until(async () => (await statusOf(table)) === 'ACTIVE');
    await client.gone(() => client.backup(table, backup?.['id']));
    expect((await data('POST', `/${table}/scan`, {})).body).toMatchObject({ count: 2 });
  });

  it('that nobody works on any more sets the table free in the end', async () => {
    const table = await makeTable(1);
    await expectStatus(setTable(table, true), 200);
    await changingTheJob(`NEW.state = 'failed'; NEW.finished_at = clock_timestamp();`, () => expectStatus(drop(table), 200));
    await until(async () => (await statusOf(table)) === 'ACTIVE');
    await until(async () => (await events(table)).includes('table.drop.error'));
    await expectStatus(setTable(table, null), 200);
    await expectStatus(drop(table), 200);
    expect((await describeTable(table)).status).toBe(404);
  });

  it('that the job database does not know of any more, since it was lost, sets the table free', async () => {
    const table = await makeTable(1);
    await expectStatus(setTable(table, true), 200);
    await changingTheJob('NEW.paused = true;', () => expectStatus(drop(table), 200));
    expect(await statusOf(table)).toBe('DELETING');
    await sql.query(`DELETE FROM magnetodb_backup.table_drops WHERE table_name = $1`, [table]);
    await until(async () => (await statusOf(table)) === 'ACTIVE');
    // Its backup, should it go on, is nobody's: it drops nothing.
    const [backup] = await backupsOf(table);
    await expectStatus(client.send('PATCH', `${client.table(table)}/backups/${String(backup?.['id'])}`, { paused: false }), 200);
    await client.finished(() => client.backup(table, backup?.['id']), 'CREATING');
    expect(await statusOf(table)).toBe('ACTIVE');
  });

  it('beyond the quota is refused before anything is done', async () => {
    const other = clientOf('spec', 'other-token', 'other');
    await expectStatus(other.send('PATCH', `${other.projectPath}/settings`, { backup_before_drop: true }), 200);
    const path = '/v1/data/other/tables';
    await expectStatus(other.send('POST', path, { table_name: 'full', attribute_definitions: [{ attribute_name: 'key', attribute_type: 'S' }], key_schema: [{ attribute_name: 'key', key_type: 'HASH' }] }), 200);
    await sql.query(
      `INSERT INTO magnetodb_backup.backups (project_id, id, name, table_id, table_name, status, strategy, location_url, internal, imported, started_at)
       SELECT 'other', gen_random_uuid(), 'x', gen_random_uuid(), 'x', 'CREATED', '{}', 'file:///x', true, true, 0 FROM generate_series(1, 50)`,
    );
    await refused(other.send('DELETE', `${path}/full`), 413, 'BackupQuotaExceeded', /50 backups of the 50/);
    expect(await expectStatus(other.get(`${path}/full`), 200)).toMatchObject({ table: { table_status: 'ACTIVE' } });
    expect((await sql.query(`SELECT FROM magnetodb_backup.table_drops WHERE project_id = 'other'`)).rowCount).toBe(0);
  });

  it('is no way around the rate of data calls, which leaves management and health alone', async () => {
    const flood = clientOf('spec', 'flood-token', 'flood');
    const answers = await Promise.all(Array.from({ length: 20 }, () => flood.send('GET', '/v1/data/flood/tables')));
    const refusals = answers.filter(({ status }) => status === 429);
    expect(refusals.length).toBeGreaterThan(10);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(3);
    await refused(Promise.resolve(refusals[0]!), 429, 'RequestQuotaExceeded', /1 requests a second, 3 at once/);
    for (const path of [`${flood.projectPath}/settings`, '/healthcheck']) expect((await fetch(gateway.url + path, { headers: { 'X-Auth-Token': 'flood-token' } })).status).toBe(200);
    expect((await data('GET', '')).status).toBe(200);
  });

  it('has quotas from a file that must make sense', async () => {
    await writeFile(join(folder, 'bad.json'), '{"demo": {"max_backups": "many"}}');
    const settings = loadSettings(GatewaySettings, { ...environment(), QUOTAS_FILE: join(folder, 'bad.json') });
    await expect(startGateway(settings)).rejects.toThrow('QUOTAS_FILE: max_backups of project demo must be an integer from 1, or null.');
  });

  describe.each(DIALECTS)('settings in the %s dialect', (dialect) => {
    it('of a project hold for tables that say nothing else', async () => {
      const caller = clientOf(dialect);
      const table = await makeTable(0);
      const project = `${caller.projectPath}/settings`;
      const own = `${caller.table(table)}/settings`;
      expect(await expectStatus(caller.send('PATCH', project, { backup_before_drop: true }), 200)).toEqual({ backup_before_drop: true });
      expect(await expectStatus(caller.get(project), 200)).toEqual({ backup_before_drop: true });
      const shown = { table_name: table, table_id: expect.stringMatching(dialect === 'spec' ? /^[0-9a-f-]{36}$/ : /^[0-9a-f]{32}$/) };
      expect(await expectStatus(caller.get(own), 200)).toEqual({ ...shown, backup_before_drop: true, inherited: true });
      expect(await expectStatus(caller.send('PATCH', own, { backup_before_drop: false }), 200)).toEqual({ ...shown, backup_before_drop: false, inherited: false });
      await expectStatus(drop(table), 200);
      expect((await describeTable(table)).status).toBe(404);
      expect(await backupsOf(table)).toEqual([]);
      const another = await makeTable(0);
      await expectStatus(drop(another), 200);
      await until(async () => (await describeTable(another)).status === 404);
      expect(await backupsOf(another)).toHaveLength(1);
      await expectStatus(caller.send('PATCH', project, { backup_before_drop: false }), 200);
    });

    it('are strict, and changed by those who may', async () => {
      const caller = clientOf(dialect);
      const table = await makeTable(0);
      const paths = [`${caller.projectPath}/settings`, `${caller.table(table)}/settings`];
      for (const path of paths) {
        await invalid(caller.send('PATCH', path, {}), /backup_before_drop/);
        await invalid(caller.send('PATCH', path, { backup_before_drop: 'yes' }), /true or false/);
        await invalid(caller.send('PATCH', path, { backup_before_drop: true, other: 1 }), /unknown keys: "other"/);
        await invalid(caller.get(`${path}?x=1`));
        await refused(clientOf(dialect, 'reader-token').send('PATCH', path, { backup_before_drop: true }), 403, 'Forbidden');
        await expectStatus(clientOf(dialect, 'reader-token').get(path), 200);
        await refused(clientOf(dialect, 'other-token').get(path), 403, 'Forbidden');
      }
      await invalid(caller.send('PATCH', paths[0] ?? '', { backup_before_drop: null }));
      await refused(caller.get(`${caller.table('no_such_table')}/settings`), 404, 'TableNotExistsException');
      await refused(caller.send('PATCH', `${caller.table('no_such_table')}/settings`, { backup_before_drop: true }), 404, 'TableNotExistsException');
    });
  });
});
