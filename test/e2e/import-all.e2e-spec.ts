import { cp, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { newId } from '../../src/kernel';
import { FilesystemObjectStore } from '../../src/storage';
import { writeSampleArchive } from '../fakes/sample-archive';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { CliResult, jsonLines, runCli } from './cli-io';
import { DIALECTS, expectStatus, invalid, Json, ManagementClient, refused } from './management-server';

const TOKENS = { demo: 'demo-token', Other: 'other-token', ops: 'admin-token' } as const;
const DEV_TOKENS = 'demo-token=demo:member;reader-token=demo:reader;other-token=Other:member;admin-token=ops:admin';

/** A deployment whose database can be lost, while its object store and a folder of backups stay. */
class Deployment {
  database!: TestDatabase;
  gateway!: RunningGateway;

  private constructor(readonly folder: string) {}

  static async start(): Promise<Deployment> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'import-all-')));
    await mkdir(join(folder, 'outside'));
    const deployment = new Deployment(folder);
    await deployment.begin();
    return deployment;
  }

  private async begin(): Promise<void> {
    this.database = await createTestDatabase();
    this.gateway = await startGateway(
      Object.assign(new GatewaySettings(), {
        port: 0,
        dataDir: join(this.folder, 'data'),
        databaseUrl: this.database.url,
        devTokens: DEV_TOKENS,
        adminProject: 'ops',
        allowedFolders: [join(this.folder, 'outside')],
        logLevel: 'silent',
      }),
    );
  }

  /** The whole database is gone, tables and all; a new, empty one takes its place. */
  async loseDatabase(): Promise<void> {
    await this.gateway.stop();
    await this.database.drop();
    await this.begin();
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    await this.database.drop();
    await rm(this.folder, { recursive: true, force: true });
  }

  client(project: keyof typeof TOKENS, token: string = TOKENS[project]): ManagementClient {
    return new ManagementClient(this.gateway.url, 'deployed', token, project);
  }

  get objects(): string {
    return join(this.folder, 'data/objects');
  }

  get outsideUrl(): string {
    return pathToFileURL(join(this.folder, 'outside')).href;
  }

  /** A table with so many items, made through the data API. */
  async makeTable(project: keyof typeof TOKENS, name: string, items: number): Promise<void> {
    const of = this.client(project);
    const tables = `/v1/data/${project}/tables`;
    const key = { attribute_name: 'id', attribute_type: 'N' };
    await expectStatus(of.send('POST', tables, { table_name: name, attribute_definitions: [key], key_schema: [{ attribute_name: 'id', key_type: 'HASH' }] }), 200);
    for (let id = 0; id < items; id += 1) await expectStatus(of.send('POST', `${tables}/${name}/put_item`, { item: { id: { N: String(id) } } }), 200);
  }

  async listed(project: keyof typeof TOKENS): Promise<Json[]> {
    return (await expectStatus(this.client(project).get(`/v1/management/${project}/backups`), 200))['backups'] as Json[];
  }

  cli(project: keyof typeof TOKENS, ...argv: string[]): Promise<CliResult> {
    return runCli(argv, { env: { MAGNETODB_URL: this.gateway.url, MAGNETODB_PROJECT: project, MAGNETODB_TOKEN: TOKENS[project] } });
  }
}

/** What an import cannot know: when the job ended, and how the strategy was named. */
function lasting(backups: readonly Json[]): Json[] {
  return backups.map(({ finish_date_time: _finished, strategy, links, ...rest }) => {
    const { name: _name, location, ...kept } = strategy as Json;
    // Ports differ from start to start.
    return { ...rest, strategy: { ...kept, type: (location as Json)['type'] }, links: (links as Json[]).map(({ rel }) => rel) };
  });
}

describe('a catalogue that was lost', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await Deployment.start();
  });
  afterAll(() => deployment.stop());

  it('is there again after import --all, for every project, and its backups restore and are deleted as before', async () => {
    const all = ['demo', 'Other'] as const;
    for (const project of all) {
      for (const [table, items] of [['first', 3], ['second', 1]] as const) {
        await deployment.makeTable(project, table, items);
        await deployment.client(project).madeBackup(table, `${project} ${table}`);
      }
    }
    await deployment.client('demo').madeBackup('first', 'outside', { strategy: { location: { type: 'external', url: deployment.outsideUrl } } });
    const before = { demo: await deployment.listed('demo'), Other: await deployment.listed('Other') };
    expect(before.demo).toHaveLength(3);

    await deployment.loseDatabase();
    for (const project of all) expect(await deployment.listed(project)).toEqual([]);
    const own = await deployment.cli('ops', 'import', '--all', '--all-projects');
    expect(own).toEqual({ code: 0, err: '', out: 'imported  4\nknown     0\nskipped   0\n' });
    const outside = await deployment.cli('demo', 'import', '--all', deployment.outsideUrl, '--json');
    expect(outside.code).toBe(0);
    expect(jsonLines(outside.out)).toEqual([expect.objectContaining({ result: 'imported', backup_name: 'outside', own_store: false })]);
    for (const project of all) expect(lasting(await deployment.listed(project))).toEqual(lasting(before[project]));

    // Again: nothing to do.
    expect(await deployment.cli('ops', 'import', '--all', '--all-projects')).toMatchObject({ code: 0, out: 'imported  0\nknown     4\nskipped   0\n' });

    const [backup] = before.Other;
    const other = deployment.client('Other');
    const job = await expectStatus(other.createRestore('first', { backup_id: backup?.['backup_id'] }), 202);
    await other.finished(() => other.restore('first', job['restore_job_id']), 'RESTORING');
    expect(await expectStatus(other.send('POST', '/v1/data/Other/tables/first/scan', {}), 200)).toMatchObject({ count: 3 });

    // What lies in the own store is the project's own again; what was found outside is only forgotten.
    const stored = async (): Promise<string[]> => (await readdir(deployment.folder, { recursive: true })).filter((name) => name.endsWith('manifest.json'));
    expect(await stored()).toHaveLength(5);
    for (const each of await deployment.listed('demo')) await expectStatus(deployment.client('demo').deleteBackup(String(each['table_name']), each['backup_id']), 200);
    await deployment.client('demo').gone(async () => ({ ...(await deployment.client('demo').get('/v1/management/demo/backups')), status: (await deployment.listed('demo')).length === 0 ? 404 : 200 }));
    expect(await stored()).toHaveLength(3);
    expect((await stored()).filter((name) => name.startsWith('outside'))).toHaveLength(1);
  }, 300_000);

  describe('with things in the store that are no whole backups', () => {
    const project = 'demo';
    const [damaged, moved, begun, halfDeleted] = [newId(), newId(), newId(), newId()];
    let whole: string;
    beforeAll(async () => {
      const folder = (id: string): string => join(deployment.objects, project, id);
      whole = newId();
      const store = (id: string): FilesystemObjectStore => new FilesystemObjectStore({ root: folder(id), boundary: deployment.objects, keep: deployment.objects });
      await writeSampleArchive(store(whole), { compression: 'none', draft: { backup_id: whole, project_id: project } });
      await writeSampleArchive(store(damaged), { compression: 'none', draft: { backup_id: damaged, project_id: project } });
      await writeFile(join(folder(damaged), 'manifest.json'), '{"format": "magnetodb-backup"');
      // A whole backup in another's folder, one of another project, and one beside the places of backups.
      await cp(folder(whole), folder(moved), { recursive: true });
      await cp(folder(whole), join(deployment.objects, project, 'aside'), { recursive: true });
      for (const [id, name] of [[begun, 'started.json'], [halfDeleted, 'deleted.json']] as const) {
        await mkdir(folder(id), { recursive: true });
        await writeFile(join(folder(id), name), '{}');
      }
    });

    it('imports the others, says of each why not, and tells scripts', async () => {
      const { code, out } = await deployment.cli(project, 'import', '--all', '--json');
      expect(code).toBe(1);
      const results = new Map(jsonLines(out).map((line) => [String(line['location']).split('/').at(-1), line]));
      expect([...results.keys()].sort()).toEqual([whole, damaged, moved, begun, halfDeleted].sort());
      expect(results.get(whole)).toMatchObject({ result: 'imported', project_id: project });
      expect(results.get(damaged)).toMatchObject({ result: 'skipped', status: 'UNREADABLE', error: { type: 'ArchiveDamaged' } });
      expect(results.get(moved)).toMatchObject({ result: 'skipped', status: 'UNREADABLE', error: { message: expect.stringContaining('another backup') } });
      for (const id of [begun, halfDeleted]) expect(results.get(id)).toMatchObject({ result: 'skipped', status: 'INCOMPLETE' });
      const text = await deployment.cli(project, 'import', '--all');
      expect(text).toMatchObject({ code: 1, out: 'imported  0\nknown     1\nskipped   4\n' });
      expect(text.err.split('\n').filter((line) => line.startsWith('skipped file:///'))).toHaveLength(4);
    });

    it.each(DIALECTS)('is found page by page in the %s dialect', async (dialect) => {
      await deployment.cli(project, 'import', '--all');
      const client = new ManagementClient(deployment.gateway.url, dialect, TOKENS[project], project);
      const find = (body?: Json): Promise<Json> => expectStatus(client.send('POST', `${client.projectPath}/backups/find`, body), 200);
      const all = (await find())['found'] as Json[];
      expect(all).toHaveLength(5);
      expect(all.map(({ location }) => location)).toEqual(all.map(({ location }) => String(location)).sort());
      const pages: Json[] = [];
      let last: unknown;
      do {
        const page = await find({ limit: 2, ...(last === undefined ? {} : { exclusive_start_location: last }) });
        pages.push(...(page['found'] as Json[]));
        last = page['last_evaluated_location'];
      } while (last !== undefined);
      expect(pages).toEqual(all);
      expect(all.find(({ status }) => status === 'COMPLETE')).toMatchObject({ own_store: true, in_catalogue: true, [client.keys.name]: expect.any(String), table_name: expect.any(String) });
      expect((await find({ source: pathToFileURL(join(deployment.objects, project)).href }))['found']).toEqual(all);
      expect((await find({ source: pathToFileURL(join(deployment.objects, project, begun)).href }))['found']).toEqual([expect.objectContaining({ status: 'INCOMPLETE' })]);
    });

    it('shows a project neither another’s backups nor the whole store, an admin of the deployment all', async () => {
      const other = deployment.client('Other');
      const theirs = newId();
      const folder = join(deployment.objects, `_${Buffer.from('Other').toString('hex')}`, theirs);
      await writeSampleArchive(new FilesystemObjectStore({ root: folder, boundary: deployment.objects, keep: deployment.objects }), {
        compression: 'none',
        draft: { backup_id: theirs, project_id: 'Other' },
      });
      const find = (body: Json, client = other): ReturnType<ManagementClient['send']> => client.send('POST', `${client.projectPath}/backups/find`, body);
      for (const source of ['', '/demo', `/demo/${whole}`]) await refused(find({ source: pathToFileURL(deployment.objects).href + source }), 404, 'BackupNotExists');
      await refused(find({ all_projects: true }), 403, 'Forbidden', /admin of the whole deployment/);
      await refused(find({ source: 'file:///etc' }), 403, 'Forbidden');
      await refused(deployment.client('demo', 'reader-token').send('POST', '/v1/management/demo/backups/find'), 403, 'Forbidden', /backup:import/);
      for (const body of [{ limit: 0 }, { limit: 1001 }, { limit: '5' }, { all_projects: 'yes' }, { exclusive_start_location: 5 }, { source: 7 }, { more: 1 }]) await invalid(find(body));

      await writeSampleArchive(
        new FilesystemObjectStore({ root: join(deployment.folder, 'outside/theirs'), boundary: deployment.folder, keep: deployment.folder }),
        { compression: 'none', draft: { backup_id: newId(), project_id: 'demo' } },
      );
      const outside = { source: deployment.outsideUrl };
      expect(await expectStatus(find(outside), 200)).toEqual({ found: [] });
      expect((await expectStatus(find(outside, deployment.client('demo')), 200))['found']).not.toEqual([]);
      const everything = (await expectStatus(find({ all_projects: true }, deployment.client('ops')), 200))['found'] as Json[];
      expect(everything.map(({ location }) => location)).toEqual(expect.arrayContaining([whole, theirs].map((id) => expect.stringContaining(id) as unknown)));
    });

    it('adopts only what lies in the own store, as this project’s', async () => {
      const client = deployment.client(project);
      await writeSampleArchive(
        new FilesystemObjectStore({ root: join(deployment.folder, 'outside/ours'), boundary: deployment.folder, keep: deployment.folder }),
        { compression: 'none', draft: { backup_id: newId(), project_id: project } },
      );
      const [outside] = ((await expectStatus(client.send('POST', `${client.projectPath}/backups/find`, { source: deployment.outsideUrl }), 200))['found'] ?? []) as Json[];
      await invalid(client.import({ source: outside?.['location'], adopt: true }), /adopt/);
      await invalid(client.import({ source: pathToFileURL(join(deployment.objects, project, moved)).href, adopt: true }), /adopt/);
      await invalid(client.import({ source: outside?.['location'], adopt: 'yes' }), /adopt/);
    });

    it('brings back as CREATED what the catalogue takes for failed, if it is whole', async () => {
      await deployment.cli(project, 'import', '--all');
      const sql = new Client({ connectionString: deployment.database.url });
      await sql.connect();
      await sql.query(`UPDATE magnetodb_backup.backups SET status = 'CREATE_FAILED', restorable = false, item_count = NULL, error = '{"type": "x", "message": "y"}' WHERE id = $1`, [whole]);
      await sql.end();
      expect(await deployment.cli(project, 'import', '--all')).toMatchObject({ out: expect.stringMatching(/^imported +1\n/) });
      const mended = (await deployment.listed(project)).find((backup) => backup['backup_id'] === whole.replaceAll('-', ''));
      expect(mended).toMatchObject({ status: 'CREATED', restorable: true, item_count: expect.any(Number) });
      expect(mended).not.toHaveProperty('error');
    });
  });

  it('takes --all-projects for --all alone, and a URL for one backup', async () => {
    expect(await deployment.cli('demo', 'import', '--all-projects', 'file:///x')).toMatchObject({ code: 2 });
    expect(await deployment.cli('demo', 'import')).toMatchObject({ code: 2, err: expect.stringContaining('--all') });
    expect(await deployment.cli('demo', 'import', '--all', '--all-projects')).toMatchObject({ code: 4 });
  });
});
