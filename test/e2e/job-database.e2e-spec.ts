import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Client } from 'pg';
import { JOB_MIGRATIONS } from '../../migrations/jobs';
import { remakeSchema } from '../../src/database';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { CliResult, runCli } from './cli-io';
import { expectStatus, Json, ManagementClient } from './management-server';

const KEY = { attribute_name: 'id', attribute_type: 'N' };
/** Whatever text may hold: what COPY must bring through. */
const NAME = 'tab\u2028 \\N \\. "quoted" ’ё😀';

describe('the job database', () => {
  let folder: string;
  let database: TestDatabase;
  let gateway: RunningGateway | undefined;
  let dumps = 0;
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'job-database-')));
    database = await createTestDatabase();
    await start();
    const client = deployed();
    await expectStatus(
      client.send('POST', '/v1/data/demo/tables', { table_name: 'things', attribute_definitions: [KEY], key_schema: [{ attribute_name: 'id', key_type: 'HASH' }] }),
      200,
    );
    for (let id = 0; id < 5; id += 1) await expectStatus(client.send('POST', '/v1/data/demo/tables/things/put_item', { item: { id: { N: String(id) } } }), 200);
    await client.madeBackup('things', NAME);
    const job = await expectStatus(client.createRestore('copy', { backup_id: (await listed())[0]?.['backup_id'] }), 202);
    await client.finished(() => client.restore('copy', job['restore_job_id']), 'RESTORING');
  });
  afterAll(async () => {
    await gateway?.stop();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(dataDir = 'data', databaseUrl: string | undefined = database.url): Promise<void> {
    const settings = { port: 0, dataDir: join(folder, dataDir), databaseUrl, devTokens: 'demo-token=demo:member;admin-token=ops:admin', adminProject: 'ops', logLevel: 'silent' };
    gateway = await startGateway(Object.assign(new GatewaySettings(), settings));
  }
  async function stop(): Promise<void> {
    await gateway?.stop();
    gateway = undefined;
  }
  const deployed = (): ManagementClient => new ManagementClient(gateway?.url ?? '', 'deployed', 'demo-token', 'demo');
  const listed = async (): Promise<Json[]> => (await expectStatus(deployed().get('/v1/management/demo/backups'), 200))['backups'] as Json[];
  const restores = async (): Promise<Json[]> => (await expectStatus(deployed().get('/v1/management/demo/restores'), 200))['restore_jobs'] as Json[];
  /** Ports differ from start to start. */
  const unlinked = (resources: readonly Json[]): Json[] => resources.map(({ links: _links, ...rest }) => rest);
  const cli = (...argv: string[]): Promise<CliResult> => runCli(argv, { cwd: folder, env: { DATABASE_URL: database.url } });
  const newFile = (): string => `dump-${(dumps += 1)}.sql.gz`;

  async function dumped(): Promise<string> {
    const file = newFile();
    expect(await cli('job-database', 'dump', file)).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^OK: [0-9,]+ rows/) });
    return file;
  }

  async function sql<Row extends Json>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Every row of every table, as text. */
  async function contents(): Promise<Record<string, string[]>> {
    const tables = await sql<{ name: string }>(`SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'magnetodb_backup' ORDER BY 1`);
    const all: Record<string, string[]> = {};
    for (const { name } of tables) {
      const rows = await sql<{ row: string }>(`SELECT t::text AS row FROM magnetodb_backup.${name} t ORDER BY 1`);
      all[name] = rows.map(({ row }) => row);
    }
    return all;
  }

  it('is written while gateways work, and is there again after the database was lost, to the last character', async () => {
    const before = { backups: await listed(), restores: await restores() };
    expect(before.backups[0]).toMatchObject({ backup_name: NAME });
    const file = await dumped();
    expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    await stop();
    const rows = await contents();

    await database.drop();
    database = await createTestDatabase();
    expect(await cli('job-database', 'restore', file)).toMatchObject({ code: 0, out: expect.stringMatching(/^OK: [0-9,]+ rows as of 20/) });
    const { migrations, ...kept } = await contents();
    const { migrations: made, ...expected } = rows;
    expect(kept).toEqual(expected);
    expect(migrations).toHaveLength(made?.length ?? 0);

    await start();
    expect(unlinked(await listed())).toEqual(unlinked(before.backups));
    expect(unlinked(await restores())).toEqual(unlinked(before.restores));
    // The tables were lost with the database; the backup brings one back, and new work is numbered behind the old.
    const client = deployed();
    const job = await expectStatus(client.createRestore('things', { backup_id: before.backups[0]?.['backup_id'] }), 202);
    expect(await client.finished(() => client.restore('things', job['restore_job_id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
    expect(await expectStatus(client.send('POST', '/v1/data/demo/tables/things/scan', {}), 200)).toMatchObject({ count: 5 });
  });

  it('lets nothing that ran then go on blindly: what ended since is whole again after import --all', async () => {
    await stop();
    const job = '01890a5d-ac96-774b-bcce-000000000001';
    const restoring = '01890a5d-ac96-774b-bcce-000000000002';
    const [backup] = await sql<{ id: string }>('SELECT id FROM magnetodb_backup.backups');
    const finished = await sql('SELECT status, item_count FROM magnetodb_backup.backups');
    // As if the dump had been made while the backup and a restore ran.
    const running = `INSERT INTO magnetodb_backup.jobs (id, kind, project_id, subject_id, params, state) VALUES ($1, $2, 'demo', $3, $4, 'running')`;
    const params = { sourceUrl: 'file:///nowhere', internal: true, tableName: 'half', onExisting: 'replace', target: null, backupId: backup?.id };
    await sql(running, [job, 'backup.create', backup?.id, '{}']);
    await sql(running, [restoring, 'restore', restoring, JSON.stringify(params)]);
    await sql(`INSERT INTO magnetodb_backup.job_steps (job_id, stage_index, payload, lease_token, lease_expires_at, holder) VALUES
      ($1, 0, '{}', gen_random_uuid(), now() + interval '1 hour', gen_random_uuid()), ($2, 0, '{}', gen_random_uuid(), now() + interval '1 hour', gen_random_uuid())`, [job, restoring]);
    await sql(`UPDATE magnetodb_backup.backups SET status = 'CREATING', item_count = NULL, create_job_id = $1`, [job]);
    await sql(
      `INSERT INTO magnetodb_backup.restores (id, project_id, table_name, status, source_url, on_existing, job_id, started_at) VALUES ($1, 'demo', 'half', 'RESTORING', 'file:///nowhere', 'replace', $1, 1)`,
      [restoring],
    );
    const file = await dumped();
    expect(await cli('job-database', 'restore', file, '--replace', '--json')).toMatchObject({ code: 0, out: expect.stringContaining('"ended":2') });
    expect(await sql(`SELECT status, error->>'type' AS type FROM magnetodb_backup.backups`)).toEqual([{ status: 'CREATE_FAILED', type: 'Cancelled' }]);

    await start();
    const client = deployed();
    expect(await client.finished(() => client.restore('half', restoring), 'RESTORING')).toMatchObject({ status: 'RESTORE_FAILED', error: { type: 'Cancelled' } });
    const admin = { MAGNETODB_URL: gateway?.url ?? '', MAGNETODB_PROJECT: 'ops', MAGNETODB_TOKEN: 'admin-token' };
    expect(await runCli(['import', '--all', '--all-projects'], { env: admin })).toMatchObject({ code: 0, out: expect.stringMatching(/^imported +1\n/) });
    expect(await sql('SELECT status, item_count FROM magnetodb_backup.backups')).toEqual(finished);
    expect(await sql(`SELECT FROM magnetodb_backup.jobs WHERE state IN ('queued', 'running')`)).toEqual([]);
    const again = await expectStatus(client.createRestore('again', { backup_id: backup?.id }), 202);
    expect(await client.finished(() => client.restore('again', again['restore_job_id']), 'RESTORING')).toMatchObject({ status: 'RESTORED' });
  });

  it('is put back only where nobody works, and over nothing unasked', async () => {
    const file = await dumped();
    expect(await cli('job-database', 'restore', file)).toMatchObject({ code: 5, err: expect.stringContaining('a gateway is at work') });
    await stop();
    const before = await contents();
    expect(await cli('job-database', 'restore', file)).toMatchObject({ code: 5, err: expect.stringContaining('not empty') });
    expect(await contents()).toEqual(before);
    expect((await cli('job-database', 'restore', file, '--replace')).code).toBe(0);
    await start();
  });

  it('is not put back from a file that is damaged, cut short or of a newer version; what is there stays', async () => {
    const file = join(folder, await dumped());
    await stop();
    const before = await contents();
    const bytes = await readFile(file);
    const text = gunzipSync(bytes).toString('utf8');
    const tampered: [string, Buffer, RegExp][] = [
      ['one letter', gzipSync(text.replace('things', 'thingz')), /SHA-256/],
      ['no end', gzipSync(text.slice(0, -200)), /SHA-256/],
      ['a packed file cut short', bytes.subarray(0, -20), /unpacked/],
      ['another file', gzipSync('hello\n'), /no dump/],
      ['no packed file', Buffer.from(text), /unpacked/],
      ['a newer form', gzipSync(text.replace('version 1', 'version 9')), /version/],
    ];
    for (const [what, content, message] of tampered) {
      await writeFile(file, content);
      const { code, err } = await cli('job-database', 'restore', file, '--replace');
      expect({ what, code, err }).toEqual({ what, code: 1, err: expect.stringMatching(message) });
    }
    await writeFile(file, bytes);
    await sql(`INSERT INTO magnetodb_backup.migrations ("timestamp", name) VALUES (9000000000000, 'FromTheFuture9000000000000')`);
    const newer = await dumped();
    await sql(`DELETE FROM magnetodb_backup.migrations WHERE name LIKE 'FromTheFuture%'`);
    expect(await cli('job-database', 'restore', newer, '--replace')).toMatchObject({ code: 1, err: expect.stringContaining('FromTheFuture') });
    expect(await contents()).toEqual(before);
    await start();
  });

  it('comes back from a dump of an older version, and is brought up to this one', async () => {
    await stop();
    const kept = newFile();
    expect((await cli('job-database', 'dump', kept)).code).toBe(0);
    // What the first version would have dumped: its migrations, and no column or table of later ones.
    const old = JOB_MIGRATIONS.slice(0, 3).map(({ name }) => name);
    const empty = await createTestDatabase();
    const first = newFile();
    const script = gunzipSync(await readFile(join(folder, kept))).toString('utf8');
    expect(script).toContain('COPY magnetodb_backup.backups (');
    
    await expect(
      remakeSchema(empty.url, old, {
        before: async () => undefined,
        fill: async () => {
          const file = join(folder, first);
          expect(await runCli(['job-database', 'dump', file], { env: { DATABASE_URL: empty.url } })).toMatchObject({ code: 0 });
        },
      }),
    ).resolves.toBeUndefined();
    expect(gunzipSync(await readFile(join(folder, first))).toString('utf8')).not.toContain('verify_job_id');
    expect((await cli('job-database', 'restore', first, '--replace')).code).toBe(0);
    expect((await sql('SELECT name FROM magnetodb_backup.migrations')).length).toBe(JOB_MIGRATIONS.length);
    await empty.drop();
    await copyFile(join(folder, kept), join(folder, 'kept.sql.gz'));
    expect((await cli('job-database', 'restore', 'kept.sql.gz', '--replace')).code).toBe(0);
    await start();
    expect(await listed()).toHaveLength(1);
  });

  it('works with the embedded PostgreSQL, running or not', async () => {
    await mkdir(join(folder, 'other'));
    const embedded = { cwd: folder, env: { DATA_DIR: 'embedded' } };
    await stop();
    const running = await startGateway(Object.assign(new GatewaySettings(), { port: 0, dataDir: join(folder, 'embedded'), devTokens: 'demo-token=demo:member', logLevel: 'silent' }));
    try {
      expect(await runCli(['job-database', 'dump', 'while-it-runs.sql.gz'], embedded)).toMatchObject({ code: 0 });
      expect((await fetch(`${running.url}/healthcheck`)).status).toBe(200);
    } finally {
      await running.stop();
    }
    expect(await runCli(['job-database', 'restore', 'while-it-runs.sql.gz', '--replace', '--data-dir', 'embedded'], { cwd: folder })).toMatchObject({ code: 0 });
  });

  it('says what is wrong with the command', async () => {
    const file = newFile();
    await writeFile(join(folder, file), 'mine');
    expect(await cli('job-database', 'dump', file)).toMatchObject({ code: 5, err: expect.stringContaining('already') });
    expect(await readFile(join(folder, file), 'utf8')).toBe('mine');
    expect(await cli('job-database', 'burn', file)).toMatchObject({ code: 2 });
    expect(await cli('job-database', 'dump', newFile(), '--replace')).toMatchObject({ code: 2 });
    expect(await cli('job-database', 'restore', 'nowhere.sql.gz')).toMatchObject({ code: 3 });
    const unreachable = { cwd: folder, env: { DATABASE_URL: 'postgresql://x:secret-word@127.0.0.1:1/none' } };
    const { code, err } = await runCli(['job-database', 'dump', newFile()], unreachable);
    expect(code).toBe(6);
    expect(err).not.toContain('secret-word');
    const empty = await createTestDatabase();
    expect(await runCli(['job-database', 'dump', newFile()], { cwd: folder, env: { DATABASE_URL: empty.url } })).toMatchObject({ code: 3 });
    await empty.drop();
  });
});
